"""Tables of every kind, and what becomes of them while the daemon runs."""
import os
import shutil
import subprocess
import time

from harness import account, ledger, smtp
from harness.case import case
from harness.mail import ask, send

program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness",
                       "table_program.py")


def owner():
    """Whom the Maildirs belong to: the daemon's own account."""
    ours = account.unprivileged()
    return f"{ours.uid}:{ours.gid}" if ours else f"{os.getuid()}:{os.getgid()}"


def configuration(users, base="table base file:{home}/base"):
    """A daemon whose virtual users stand in the table that `users` defines."""
    return f"""\
table users {users}
{base}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir "{{mail}}/%{{user.username}}/Maildir" virtual <users> userbase <base>
match from any for domain "example.test" action "local"
"""


def write(path, lines):
    """Replace a file as an operator should: whole, by a rename."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)


def start(t, users, files=(), **options):
    """A daemon in a home where `files`, {name: lines}, and the table of users stand."""
    home = t.path("home0")
    os.makedirs(home, exist_ok=True)
    for name, lines in dict(files).items():
        write(os.path.join(home, name), lines)
    mail = t.path("home0.mail")
    write(os.path.join(home, "base"),
          [f"{user} {owner()}:{mail}/{user}" for user in ("alice", "bob")])
    return t.daemon(text=configuration(users), **options)


def make_database(t, path, kind, rows):
    if shutil.which("db_load") is None:
        t.skip("db_load is not installed")
    text = "".join(f"{key}\n{value}\n" for key, value in rows.items())
    subprocess.run(["db_load", "-T", "-t", kind, path + ".new"], input=text.encode(), check=True,
                   timeout=30)
    os.rename(path + ".new", path)


def make_map(daemon_or_test, source, target):
    command = [daemon_or_test.program("ringpostctl"), "makemap", "-o", target, source]
    return subprocess.run(command, capture_output=True, timeout=30, check=False)


@case()
def file_table_and_update(t):
    """A row that comes and one that goes; nothing else is read anew."""
    daemon = start(t, "file:{home}/users", {"users": ["alice@example.test: alice"]})
    send(daemon, 1, "alice@example.test")
    ask(daemon, "bob@example.test", 550, "5.1.1")
    write(os.path.join(daemon.home, "users"), ["bob@example.test: bob"])
    ask(daemon, "bob@example.test", 550, "5.1.1")  # as long as nobody says so
    daemon.control_ok("update", "table", "users")
    send(daemon, 2, "bob@example.test")
    ask(daemon, "alice@example.test", 550, "5.1.1")
    daemon.wait_delivered(1, "alice")
    daemon.wait_delivered(1, "bob")


@case()
def update_reads_one_table(t):
    """The configuration and other tables stay as they were loaded, whatever their files say."""
    daemon = start(t, "file:{home}/users", {"users": ["alice@example.test: alice"]})
    with open(daemon.configuration_path, "a", encoding="utf-8") as file:
        file.write("nonsense\n")
    os.unlink(os.path.join(daemon.home, "base"))
    write(os.path.join(daemon.home, "users"), ["bob@example.test: bob"])
    daemon.control_ok("update", "table", "users")
    send(daemon, 1, "bob@example.test")
    daemon.wait_delivered(1, "bob")
    done = daemon.control("reload")
    t.equal(done.returncode, 1)
    text = done.stderr.decode()
    t.true(f"{daemon.configuration_path}:6:1: unknown directive" in text, text)
    t.true("cannot read table \"base\"" in text and "No such file" in text, text)
    send(daemon, 2, "bob@example.test")


@case()
def a_table_that_vanishes(t):
    """An update of a file that is gone is an error with its place; the old table stays."""
    daemon = start(t, "file:{home}/users", {"users": ["alice@example.test: alice"]})
    os.unlink(os.path.join(daemon.home, "users"))
    for command in (("update", "table", "users"), ("reload",)):
        done = daemon.control(*command)
        t.equal(done.returncode, 1, command)
        text = done.stderr.decode()
        t.true(f"{daemon.configuration_path}:1:13: cannot read table \"users\"" in text, text)
        t.true("No such file" in text, text)
    send(daemon, 1, "alice@example.test")
    daemon.wait_delivered(1)
    write(os.path.join(daemon.home, "users"), ["alice@example.test: alice", "bob@example.test"])
    done = daemon.control("update", "table", "users")
    t.equal(done.returncode, 1)
    t.true("home0/users:2:1: " in done.stderr.decode(), done.stderr.decode())
    send(daemon, 2, "alice@example.test")
    t.equal(daemon.control("update", "table", "nobody").returncode, 1)
    t.equal(daemon.control("update", "table").returncode, 2)


@case()
def inline_tables_need_a_reload(t):
    daemon = start(t, '{ "alice@example.test" = "alice" }')
    done = daemon.control("update", "table", "users")
    t.equal(done.returncode, 1)
    t.true("use reload" in done.stderr.decode(), done.stderr.decode())
    with open(daemon.configuration_path, encoding="utf-8") as file:
        text = file.read()
    write(daemon.configuration_path, [text.replace("alice@", "bob@").replace('"alice"', '"bob"')])
    daemon.control_ok("reload")
    send(daemon, 1, "bob@example.test")
    ask(daemon, "alice@example.test", 550, "5.1.1")


@case()
def berkeley_db(t):
    """Hash and btree files, replaced under the daemon."""
    home = t.path("home0")
    os.makedirs(home)
    for kind in ("hash", "btree"):
        make_database(t, os.path.join(home, kind + ".db"), kind, {"alice@example.test": "alice"})
    daemon = start(t, "db:{home}/hash.db")
    send(daemon, 1, "alice@example.test")
    make_database(t, os.path.join(home, "hash.db"), "hash", {"bob@example.test": "bob"})
    daemon.control_ok("update", "table", "users")
    send(daemon, 2, "bob@example.test")
    with open(daemon.configuration_path, encoding="utf-8") as file:
        text = file.read()
    write(daemon.configuration_path, [text.replace("hash.db", "btree.db")])
    daemon.control_ok("reload")
    send(daemon, 3, "alice@example.test")
    daemon.wait_delivered(2, "alice")
    daemon.wait_delivered(1, "bob")
    write(os.path.join(home, "btree.db"), ["this is no database"])
    done = daemon.control("update", "table", "users")
    t.true("not a Berkeley DB file" in done.stderr.decode(), done.stderr.decode())
    send(daemon, 4, "alice@example.test")


@case()
def lmdb(t):
    """makemap makes what the daemon looks up; a replaced file is found at the update."""
    home = t.path("home0")
    os.makedirs(home)
    users, base = os.path.join(home, "users.mdb"), os.path.join(home, "base.mdb")
    write(os.path.join(home, "rows"), ["# people", "Alice@Example.test: alice",
                                       "@example.test bob"])
    done = make_map(t, os.path.join(home, "rows"), users)
    t.equal(done.returncode, 0, done.stderr.decode())
    mail = t.path("home0.mail")
    write(os.path.join(home, "people"),
          [f"{user} {owner()}:{mail}/{user}" for user in ("alice", "bob")])
    t.equal(make_map(t, os.path.join(home, "people"), base).returncode, 0)
    daemon = t.daemon(text=configuration("lmdb:{home}/users.mdb", "table base lmdb:{home}/base.mdb"))
    send(daemon, 1, "alice@example.test")
    send(daemon, 2, "ALICE+tag@example.test")
    send(daemon, 3, "anybody@example.test")
    daemon.wait_delivered(2, "alice")
    daemon.wait_delivered(1, "bob")
    write(os.path.join(home, "rows"), ["alice@example.test alice"])
    t.equal(make_map(t, os.path.join(home, "rows"), users).returncode, 0)
    daemon.control_ok("update", "table", "users")
    ask(daemon, "anybody@example.test", 550, "5.1.1")
    send(daemon, 4, "alice@example.test")
    os.unlink(users)
    done = daemon.control("update", "table", "users")
    t.equal(done.returncode, 1)
    t.true("users.mdb" in done.stderr.decode(), done.stderr.decode())
    send(daemon, 5, "alice@example.test")


def start_program(t, rows):
    home = t.path("home0")
    os.makedirs(home, exist_ok=True)
    write(os.path.join(home, "rows"), rows)
    path = shutil.copy(program, os.path.join(home, "program"))
    os.chmod(path, 0o755)
    return start(t, f'"proc:{path} {home}/rows"')


@case()
def program_table(t):
    """Lookups by smtpd-tables(7): found, not found, an error, an update."""
    daemon = start_program(t, ["alias alice@example.test=alice", "alias bad@example.test=!error"])
    send(daemon, 1, "Alice@example.test")
    ask(daemon, "bob@example.test", 550, "5.1.1")
    ask(daemon, "bad@example.test", 451, "4.3.0")
    t.eventually(lambda: daemon.events("lookup.failed"), "a log line")
    failed = daemon.events("lookup.failed")
    t.equal(len(failed), 1)
    t.true("the shelf is empty" in failed[0]["reason"], failed)
    write(os.path.join(daemon.home, "rows"), ["alias bob@example.test=bob"])
    daemon.control_ok("update", "table", "users")
    send(daemon, 2, "bob@example.test")
    os.unlink(os.path.join(daemon.home, "rows"))
    done = daemon.control("update", "table", "users")
    t.true(done.returncode == 1 and b"No such file" in done.stderr, done.stderr)
    t.equal(len(daemon.events("table.started")), 1)
    daemon.control_ok("reload")
    send(daemon, 3, "bob@example.test")
    t.equal(len(daemon.events("table.started")), 1, "programs that a reload keeps")
    daemon.wait_delivered(2, "bob")
    t.true(daemon.statistics()["ringpost_lookup_asked_total"] >= 6, "asked")


@case()
def a_program_that_dies(t):
    """Whoever waits gets 451; the program is started again and mail goes on."""
    daemon = start_program(t, ["alias alice@example.test=alice", "alias dead@example.test=!die",
                               "alias noisy@example.test=!noise"])
    for number, victim in enumerate(("dead", "noisy", "dead")):
        ask(daemon, f"{victim}@example.test", 451, "4.3.0")
        t.eventually(lambda: len(daemon.events("table.started")) == number + 2, "it runs again")
        send(daemon, number, "alice@example.test")
    t.eventually(lambda: len(daemon.events("table.ended")) == 3, "three log lines")
    ended = daemon.events("table.ended")
    t.equal([event["unanswered"] for event in ended], ["1", "1", "1"])
    t.true("what was the question" in ended[1]["reason"], ended)
    daemon.wait_delivered(3, "alice")
    t.equal(daemon.statistics()["ringpost_lookup_failed_total"], 3)


@case(seconds=90)
def a_program_that_hangs(t):
    """No answer within 30 s is 451; other sessions and other keys are not held up."""
    daemon = start_program(t, ["alias alice@example.test=alice", "alias mute@example.test=!mute"])
    with daemon.client(timeout=60) as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        began = time.monotonic()
        client.send(b"RCPT TO:<mute@example.test>\r\n")
        for number in range(20):
            send(daemon, number, "alice@example.test")
        t.true(time.monotonic() - began < 10, "others were held up")
        reply = client.reply()
        smtp.check(reply, 451, "4.3.0")
        t.true(25 < time.monotonic() - began < 40, f"{time.monotonic() - began:.1f} s")
        client.expect("RCPT TO:<alice@example.test>", 250, "2.1.5")
    daemon.wait_delivered(20, "alice")


@case()
def missing_backends(t):
    """A table that cannot be opened stops the start, and is named by the check."""
    daemon = start(t, "file:{home}/users", {"users": ["alice@example.test: alice"]})
    for users, what in (("lmdb:/nonexistent/users.mdb", "/nonexistent/users.mdb"),
                        ("proc:/nonexistent/program", "/nonexistent/program"),
                        ("nosuchbackend:/etc/x", "nosuchbackend"),
                        ("db:/nonexistent/users.db", "/nonexistent/users.db")):
        write(daemon.configuration_path,
              [configuration(users).replace("{port}", str(daemon.port))
               .replace("{home}", daemon.home).replace("{mail}", daemon.mail)])
        done = subprocess.run([t.program("ringpostd"), "-n", "-f", daemon.configuration_path],
                              capture_output=True, timeout=20, check=False)
        t.equal(done.returncode, 1, users)
        t.true(what in done.stderr.decode(), done.stderr.decode())
        done = daemon.control("reload")
        t.equal(done.returncode, 1, users)
        t.true(what in done.stderr.decode(), done.stderr.decode())
    send(daemon, 1, "alice@example.test")


@case()
def patterns(t):
    """Regular expressions of a table: matched where they stand, mistakes named by line."""
    daemon = start(t, "file:{home}/users",
                   {"users": ["@example.test: alice"],
                    "patterns": ["# @list", "# senders", ".*\\.dyn\\..*", "(?i)spam[0-9]+@"]})
    with open(daemon.configuration_path, encoding="utf-8") as file:
        text = file.read()
    match = "match from any"
    text = text.replace(match, "match from any mail-from regex <patterns> for any reject\n" + match)
    write(daemon.configuration_path, [f"table patterns file:{daemon.home}/patterns\n" + text])
    daemon.control_ok("reload")
    for sender, code in (("a@x.dyn.example", 550), ("a@x.example", 250),
                         ("SPAM17@x.example", 550), ("spam@x.example", 250),
                         ("A.DYN.B@x.example", 250)):
        with daemon.client() as client:
            client.hello()
            client.expect(f"MAIL FROM:<{sender}>", 250)
            client.expect("RCPT TO:<alice@example.test>", code)
            client.quit()
    write(os.path.join(daemon.home, "patterns"), ["# @list", "fine", "(a)\\1", "[x"])
    done = daemon.control("update", "table", "patterns")
    text = done.stderr.decode()
    t.true("/patterns:3:1: " in text and "/patterns:4:1: " in text, text)


@case()
def an_action_that_vanishes(t):
    """Queued mail of an action that a reload took away waits, and goes on with one that comes."""
    daemon = start(t, "file:{home}/users", {"users": ["alice@example.test: alice"]})
    daemon.control_ok("pause", "mda")
    send(daemon, 1, "alice@example.test")
    with open(daemon.configuration_path, encoding="utf-8") as file:
        text = file.read()
    write(daemon.configuration_path, [text.replace('"local"', '"other"')])
    daemon.control_ok("reload")
    daemon.control_ok("resume", "mda")
    t.eventually(lambda: daemon.events("attempt.finished"), "an attempt")
    attempt = daemon.events("attempt.finished")[0]
    t.equal((attempt["result"], attempt["status"]), ("delayed", "4.3.5"))
    t.true("action local is not in the configuration" in attempt["detail"], attempt)
    t.equal(len(daemon.queue()), 1)
    send(daemon, 2, "alice@example.test")
    daemon.wait_delivered(1)
    write(daemon.configuration_path, [text])
    daemon.control_ok("reload")
    daemon.control_ok("schedule", "all")
    daemon.wait_delivered(2)
    daemon.wait_queue_empty()


@case(seconds=120)
def update_under_load(t):
    """100,000 users in 10,000 domains: updates and reloads under load lose and refuse nothing."""
    domains = 10_000
    rows = [f"user{number}@d{number % domains}.test alice" for number in range(100_000)]
    daemon = start(t, "file:{home}/users", {"users": rows + ["alice@example.test alice"]})
    load = ledger.Load(daemon, "reload", threads=4, sizes=(600,))
    slowest = 0.0
    for number in range(10 if t.long else 5):
        write(os.path.join(daemon.home, "users"),
              rows + ["alice@example.test alice", f"extra{number}@example.test alice"])
        began = time.monotonic()
        daemon.control_ok(*(("reload",) if number % 2 else ("update", "table", "users")))
        slowest = max(slowest, time.monotonic() - began)
        ask(daemon, f"extra{number}@example.test", 250, "2.1.5")
        time.sleep(0.2)
    acknowledged = load.stop()
    t.equal(dict(load.refused), {}, "refused")
    t.note(f"slowest {slowest * 1000:.0f} ms, {acknowledged} messages meanwhile")
    t.true(acknowledged > 0, "a load")
    found = daemon.wait_delivered(acknowledged, "alice", seconds=60)
    t.equal(len(found), acknowledged)

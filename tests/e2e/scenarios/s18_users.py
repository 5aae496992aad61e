"""A daemon that root starts: the engine is not root, and each delivery has its user's rights."""
import mailbox
import os
import signal
import subprocess
import time

from harness import account, ledger, maildir, messages, smtp, volume
from harness.case import case
from harness.daemon import children, family, is_alive
from harness.mail import send

first_uid = 20001  # of users that no system knows


def rules(names, extra=""):
    """Users with a uid each, their homes below {mail}; Maildirs in the homes."""
    base = ", ".join(f'"{name}" = "{first_uid + n}:{first_uid + n}:{{mail}}/{name}"'
                     for n, name in enumerate(names))
    virtual = ", ".join(f'"{name}@example.test" = "{name}"' for name in names)
    return f"""\
table users {{ {virtual} }}
table base {{ {base} }}
{extra}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir virtual <users> userbase <base>
match from any for domain "example.test" action "local"
"""


def start(t, names=("alice", "bob", "carol"), extra="", text=None):
    """A daemon of root with users whose homes belong to them."""
    if os.getuid() != 0:
        t.skip("only root can start a daemon that serves several users")
    daemon = t.daemon(users=names, text=text or rules(names, extra), as_root=True)
    for number, name in enumerate(names):
        os.chown(daemon.home_of(name), first_uid + number, first_uid + number)
        os.chmod(daemon.home_of(name), 0o700)
    return daemon


def status_of(pid):
    """/proc/PID/status as a dictionary."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def expect_powerless(t, pid, uid):
    """No root in any form, and no way to come by it."""
    status = status_of(pid)
    t.equal(status["Uid"], "\t".join([str(uid)] * 4), f"uids of {pid}")
    t.true("0" not in status["Gid"].split() and "0" not in status["Groups"].split(),
           f"groups of {pid}: {status['Gid']}, {status['Groups']}")
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        t.equal(int(status[name], 16), 0, f"{name} of {pid}")
    t.equal(status["NoNewPrivs"], "1", f"no_new_privs of {pid}")


@case()
def the_engine_is_not_root(t):
    """What reads the network has no rights; only its small parent does, and has one thread."""
    daemon = start(t)
    expect_powerless(t, daemon.engine_pid(), account.unprivileged().uid)
    parent = status_of(daemon.process.pid)
    t.equal(parent["Uid"].split()[0], "0", "the parent")
    t.equal(parent["Threads"], "1", "threads of the parent")
    for folder in ("spool", "run"):
        owner = os.stat(os.path.join(daemon.home, folder)).st_uid
        t.equal(owner, account.unprivileged().uid, f"owner of {folder}")
    t.note(f"the parent takes {parent['VmRSS']}")


@case()
def every_user_gets_mail_as_that_user(t):
    """Files belong to their users, and somebody else's home cannot be written."""
    names = ("alice", "bob", "carol")
    daemon = start(t, names)
    os.chown(daemon.home_of("carol"), 0, 0)
    os.chmod(daemon.home_of("carol"), 0o755)
    send(daemon, 1, *(f"{name}@example.test" for name in names))
    for number, name in enumerate(names[:2]):
        delivered = daemon.wait_delivered(1, name)
        t.equal([m.content for m in delivered], [messages.simple(1)], name)
        for path in (delivered[0].path, daemon.maildir_of(name)):
            status = os.stat(path)
            t.equal((status.st_uid, status.st_gid), (first_uid + number,) * 2, path)
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] >= 1], "an attempt")[0]
    t.equal(row["to"], "carol@example.test")
    t.true("ermission denied" in row["last_error"], row["last_error"])
    t.true(not os.listdir(daemon.home_of("carol")), "nothing in a home of somebody else")


@case()
def nothing_is_delivered_as_root(t):
    """But to root's mailbox in /var/mail: what else is asked for is held, with the reason."""
    daemon = start(t, ("zero",), text="""\
table users { "zero@example.test" = "zero" }
table base { "zero" = "0:0:{mail}/zero" }
listen on 127.0.0.1 port {port} hostname mx.example.test
action "local" maildir virtual <users> userbase <base>
match from any for domain "example.test" action "local"
""")
    os.chown(daemon.home_of("zero"), 0, 0)
    send(daemon, 1, "zero@example.test")
    row = t.eventually(lambda: [r for r in daemon.queue() if r["state"] == "held"], "is held")[0]
    t.true("zero is root" in row["last_error"], row["last_error"])
    t.equal(os.listdir(daemon.home_of("zero")), [], "in the home folder")


@case()
def users_whom_nobody_can_be(t):
    """A table of users may hold what no account is called: mail for them waits, and the daemon
    goes on."""
    entries = {".hidden": first_uid, "sales/eu": first_uid, "n" * 300: first_uid,
               "minus": 2 ** 32 - 1, "alice": first_uid}
    base = ", ".join(f'"{name}" = "{uid}:{uid}:{{mail}}/alice"' for name, uid in entries.items())
    daemon = start(t, ("alice",), text=f"""\
table base {{ {base} }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir userbase <base>
match from any for domain "example.test" action "local"
""")
    os.chmod(daemon.home_of("alice"), 0o711)  # that there is no .forward is to be seen
    names = ('".hidden"', "sales/eu", "minus")
    for name in names:
        send(daemon, 1, f"{name}@example.test")
    rows = t.eventually(lambda: len(daemon.queue()) == len(names) and
                        all(row["attempts"] >= 1 for row in daemon.queue()) and daemon.queue(),
                        "an attempt for each")
    for row in rows:
        t.true("cannot act as" in row["last_error"], row["last_error"])
    send(daemon, 2, "alice@example.test")
    t.equal(len(daemon.wait_delivered(1)), 1)


@case()
def agents_have_only_their_users_rights(t):
    """While there is work for a user there are processes that are that user, and then they go."""
    daemon = start(t)
    send(daemon, 1, "alice@example.test", "bob@example.test")
    daemon.wait_delivered(1, "alice")
    daemon.wait_delivered(1, "bob")
    daemon.wait_queue_empty()  # what is delivered is seen before its folder is durable and closed
    agents = [pid for pid in family(daemon.process.pid)
              if pid not in (daemon.process.pid, daemon.engine_pid())]
    uids = sorted(int(status_of(pid)["Uid"].split()[0]) for pid in agents)
    t.equal(sorted(set(uids)), [first_uid, first_uid + 1], "who is there")
    for pid in agents:
        expect_powerless(t, pid, int(status_of(pid)["Uid"].split()[0]))
        opened = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        opened = sorted(path.split(":")[0] for path in opened)
        t.equal(opened, ["/dev/null"] * 3 + ["socket"], f"open in {pid}")
    t.eventually(lambda: not any(is_alive(pid) for pid in agents), "agents without work go", 15)


@case()
def the_engines_own_mailboxes_need_no_agent(t):
    """Where one account owns all mailboxes, the engine as that account writes them itself."""
    if os.getuid() != 0:
        t.skip("only root can start the engine as somebody else")
    ours = account.unprivileged()
    daemon = t.daemon(as_root=True, text=f"""\
table users {{ "alice@example.test" = "alice" }}
table base {{ "alice" = "{ours.uid}:{ours.gid}:{{mail}}/alice" }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir virtual <users> userbase <base>
match from any for domain "example.test" action "local"
""")
    account.give(ours, daemon.home_of("alice"))
    send(daemon, 1, "alice@example.test")
    t.equal(os.stat(daemon.wait_delivered(1)[0].path).st_uid, ours.uid)
    t.equal(len(family(daemon.process.pid)), 2, "processes")


@case()
def links_lead_only_where_the_user_may_go(t):
    """A user who lays a link to another home into the own Maildir gets nothing written there."""
    daemon = start(t)
    victim = daemon.maildir_of("bob")
    os.makedirs(victim)
    os.chown(victim, first_uid + 1, first_uid + 1)
    os.chmod(victim, 0o700)
    os.symlink(victim, daemon.maildir_of("alice"))
    send(daemon, 1, "alice@example.test")
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] >= 1], "an attempt")[0]
    t.true("ermission denied" in row["last_error"], row["last_error"])
    t.equal(os.listdir(victim), [], "in the other Maildir")


@case(seconds=90)
def a_list_of_a_thousand(t):
    """Each of them may have a .forward, which is asked for: none of that is done twice."""
    if os.getuid() != 0:
        t.skip("only root can start a daemon that serves several users")
    names = [f"u{number}" for number in range(1000)]
    base = ", ".join(f'"{name}" = "{first_uid}:{first_uid}:{{mail}}/alice/{name}"'
                     for name in names)
    daemon = start(t, ("alice",), text=f"""\
table users {{ "all@example.test" = "{', '.join(names)}" }}
table base {{ {base} }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir virtual <users> userbase <base>
match from any for domain "example.test" action "local"
""")
    began = time.monotonic()
    with daemon.client(timeout=60) as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        client.expect("RCPT TO:<all@example.test>", 250)
    t.note(f"RCPT took {time.monotonic() - began:.1f} s")
    t.equal(daemon.statistics()["ringpost_lookup_asked_total"], 1000, "questions")


@case(seconds=90)
def a_user_who_stops_the_own_agents(t):
    """They are processes of the user, who may send them signals. Others get their mail meanwhile,
    and the end of the daemon is theirs too."""
    daemon = start(t, ("alice", "bob"), extra="queue retry-interval 1s")
    os.chmod(daemon.home_of("alice"), 0o711)  # that there is no .forward is to be seen
    daemon.control_ok("pause", "mda")
    for number in range(150):
        send(daemon, number, "alice@example.test")
    stopped = set()

    def stop_agents():
        for pid in children(daemon.process.pid):
            try:
                if status_of(pid)["Uid"].split()[0] == str(first_uid):
                    os.kill(pid, signal.SIGSTOP)
                    stopped.add(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return len(stopped) >= 7

    daemon.control_ok("resume", "mda")
    t.eventually(stop_agents, "agents are stopped")
    for number in range(20):
        send(daemon, number, "bob@example.test")
    daemon.wait_delivered(20, "bob", 10)
    daemon.stop()
    t.true(not any(is_alive(pid) for pid in stopped), "stopped agents are ended too")
    daemon.start()
    daemon.wait_queue_empty()
    ours = {message.content for message in daemon.delivered("alice")}
    t.equal(len(ours), 150, "different messages for alice")


@case()
def a_user_without_a_home(t):
    """The message waits, with the reason, and is delivered when the home is there."""
    daemon = start(t)
    os.rmdir(daemon.home_of("alice"))
    identifier = send(daemon, 1, "alice@example.test")
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] >= 1], "an attempt")[0]
    t.true(daemon.home_of("alice") in row["last_error"], row["last_error"])
    os.mkdir(daemon.home_of("alice"), 0o700)
    os.chown(daemon.home_of("alice"), first_uid, first_uid)
    daemon.control_ok("schedule", identifier)
    t.equal(len(daemon.wait_delivered(1)), 1)


def with_method(names, method):
    """The configuration of rules() with another method than maildir."""
    return rules(names).replace('action "local" maildir', f'action "local" {method}')


@case()
def mbox_files_in_the_systems_folder(t):
    """mbox: a file of the user's own, that readers who lock it find whole; its lock is waited for."""
    name = f"rpe2e{os.getpid()}"
    path = os.path.join("/var/mail", name)
    for file in (path, path + ".lock"):
        t.defer(lambda gone=file: os.path.exists(gone) and os.remove(gone))
    daemon = start(t, (name,), text=with_method((name,), "mbox"))
    send(daemon, 1, f"{name}@example.test")
    daemon.wait_queue_empty()
    status = os.stat(path)
    t.equal((status.st_uid, status.st_mode & 0o777), (first_uid, 0o600), "owner and mode")
    box = mailbox.mbox(path, create=False)
    box.lock()
    load = ledger.Load(daemon, "mbox", threads=4, sizes=(600, 20_000), users=(name,))
    t.eventually(lambda: len(load.acknowledged) >= 20, "mail comes in")
    load.stop()
    t.equal(os.stat(path).st_size, status.st_size, "octets while somebody else has the lock")
    box.unlock()
    daemon.wait_queue_empty(60)
    box = mailbox.mbox(path, create=False)
    found = [message["X-Ledger"] for message in box]
    t.equal(sorted(found[1:]), sorted(load.acknowledged), "messages in the mbox")
    t.equal(os.listdir(daemon.home_of(name)), [], "nothing in the home folder")


@case()
def commands_run_as_their_users(t):
    """mda, and the command of a .forward: with the user's rights, in the user's home."""
    names = ("alice", "bob")
    command = 'mda "id -u > own; id -G >> own; pwd >> own; cat > message"'
    daemon = start(t, names, text=with_method(names, command))
    forward = os.path.join(daemon.home_of("bob"), ".forward")
    with open(forward, "w", encoding="ascii") as file:
        file.write('"|id -u > forwarded; id -G >> forwarded; pwd >> forwarded"\n')
    os.chown(forward, first_uid + 1, first_uid + 1)
    send(daemon, 1, "alice@example.test", "bob@example.test")
    daemon.wait_queue_empty()
    for number, (name, said) in enumerate(zip(names, ("own", "forwarded"))):
        path = os.path.join(daemon.home_of(name), said)
        with open(path, encoding="ascii") as file:
            t.equal(file.read().split(), [str(first_uid + number)] * 2 + [daemon.home_of(name)],
                    name)
        t.equal(os.stat(path).st_uid, first_uid + number, path)
    t.true(not os.path.exists(os.path.join(daemon.home_of("bob"), "own")), "bob's is forwarded")


@case()
def a_full_mailbox(t):
    """Mail waits with the reason and status 4.3.1 while there is no room, no part of it is left
    behind, and it is delivered when there is room again."""
    mail = t.path("home0.mail")
    volume.temporary_memory(t, mail, 4 << 20)
    kept = os.path.join(mail, "alice", "kept")
    daemon = start(t, ("alice", "bob"))
    forward = os.path.join(daemon.home_of("alice"), ".forward")
    with open(forward, "w", encoding="ascii") as file:
        file.write(kept + "\n")
    os.chown(forward, first_uid, first_uid)
    send(daemon, 1, "alice@example.test", "bob@example.test")
    daemon.wait_queue_empty()
    before = os.stat(kept).st_size
    filler = volume.fill(mail, 16_384)
    with daemon.client() as client:
        client.hello()
        smtp.check(client.transaction(messages.simple(2, 100_000), recipients=(
            "alice@example.test", "bob@example.test")), 250, "2.0.0")
    rows = t.eventually(lambda: len(daemon.queue()) == 2 and
                        all(row["attempts"] >= 1 for row in daemon.queue()) and daemon.queue(),
                        "an attempt for each")
    for row in rows:
        t.true("No space left" in row["last_error"], row["last_error"])
    t.eventually(lambda: {event["status"] for event in daemon.events("attempt.finished")} ==
                 {"2.0.0", "4.3.1"}, "the status says what is full")
    t.equal(os.stat(kept).st_size, before, "octets of the file")
    t.equal(os.listdir(os.path.join(daemon.maildir_of("bob"), "tmp")), [], "left in tmp")
    os.remove(filler)
    daemon.control_ok("schedule", "all")
    daemon.wait_queue_empty()
    t.equal([m.content for m in daemon.wait_delivered(2, "bob")][-1], messages.simple(2, 100_000))
    box = mailbox.mbox(kept, create=False)
    t.equal(len(box), 2, "messages in the file")


@case()
def reload_of_files_that_only_root_may_read(t):
    """The engine cannot read the configuration any more, and has it read for it."""
    daemon = start(t)
    os.chmod(daemon.configuration_path, 0o600)
    with open(daemon.configuration_path, "a", encoding="utf-8") as file:
        file.write('match from any for domain "more.test" action "local"\n')
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        client.expect("RCPT TO:<alice@more.test>", 550, "5.7.1")
    daemon.control_ok("reload")
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        client.expect("RCPT TO:<alice@more.test>", 550, "5.1.1")  # no such virtual user there
    with open(daemon.configuration_path, "a", encoding="utf-8") as file:
        file.write("nonsense\n")
    done = daemon.control("reload")
    t.true(done.returncode != 0 and b"nonsense" in done.stderr + done.stdout, repr(done))


@case()
def no_account_for_the_engine(t):
    """Started as root without a user for the engine: an error that says what to do."""
    if os.getuid() != 0:
        t.skip("only root needs such a user")
    path = t.path("smtpd.conf")
    for name, reason in (("ringpost-no-such-user", "useradd"), ("root", "is root")):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'engine user {name}\nlisten on socket\naction "local" maildir\n'
                       'match for local action "local"\n')
        done = subprocess.run([t.program("ringpostd"), "-d", "--home", t.path("home"), "-f", path],
                              capture_output=True, text=True, timeout=20, check=False)
        t.equal(done.returncode, 1, done.stderr)
        t.true(name in done.stderr and reason in done.stderr, done.stderr)


@case()
def a_spool_of_an_earlier_root_is_taken_over(t):
    """What a daemon that was root left is the engine's after the start; links are left alone."""
    daemon = start(t)
    daemon.control_ok("pause", "mda")
    send(daemon, 1, "alice@example.test")
    daemon.stop()
    spool = os.path.join(daemon.home, "spool")
    secret = t.path("secret")
    with open(secret, "w", encoding="utf-8"):
        pass
    os.link(secret, os.path.join(spool, "hard"))
    os.symlink(secret, os.path.join(spool, "soft"))
    for folder, folders, files in os.walk(daemon.home):
        for name in [".", *folders, *files]:
            os.chown(os.path.join(folder, name), 0, 0, follow_symlinks=False)
    daemon.start()
    t.equal(len(daemon.wait_delivered(1)), 1)
    t.equal(os.stat(secret).st_uid, 0, "owner of what a link leads to")


@case()
def ports_below_1024(t):
    """The parent binds what the engine may not; after a kill the port is taken over at once."""
    if os.getuid() != 0:
        t.skip("only root can bind them")
    daemon = start(t)
    daemon.stop()
    for port in (595, 596, 597):  # unassigned
        daemon.port = port
        try:
            daemon.start()
        except AssertionError:
            continue
        break
    for _ in range(3):
        daemon.kill()
        began = time.monotonic()
        daemon.start()
        t.true(daemon.port < 1024, f"the port was still taken: now {daemon.port}")
        t.true(time.monotonic() - began < 6, "waits for no more than its predecessor's end")
    send(daemon, 1, "alice@example.test")
    t.equal(len(daemon.wait_delivered(1)), 1)


@case()
def the_engine_crashes(t):
    """The parent says so and makes another one, and nothing that was acknowledged is lost."""
    daemon = start(t)
    load = ledger.Load(daemon, "crash", users=("alice", "bob"))
    time.sleep(0.5)
    engine = daemon.engine_pid()
    os.kill(engine, signal.SIGKILL)
    t.eventually(lambda: daemon.child_named("ringpost-engine") not in (None, engine), "another one")
    time.sleep(1.5)
    load.stop()
    t.true("the engine was ended by signal 9" in daemon.log(), daemon.log_tail(3))
    t.true(daemon.running(), "the daemon goes on")
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, load.acknowledged, ("alice", "bob"))


@case()
def killed_with_agents_at_work(t):
    """SIGKILL to the parent while agents deliver: nothing is lost, and no process stays."""
    daemon = start(t)
    acknowledged = {}
    for number in range(5 if t.long else 2):
        load = ledger.Load(daemon, f"agents{number}", users=("alice", "bob", "carol"))
        time.sleep(0.7)
        everybody = family(daemon.process.pid)
        daemon.kill()
        t.eventually(lambda all_of_it=everybody: not any(is_alive(pid) for pid in all_of_it),
                     "no process stays")
        load.stop()
        acknowledged.update(load.acknowledged)
        daemon.start()
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, acknowledged, ("alice", "bob", "carol"))
    for name in ("alice", "bob", "carol"):
        t.equal(maildir.unfinished(daemon.maildir_of(name)), [], f"files in tmp of {name}")


@case()
def without_root_others_are_refused_by_name(t):
    """A daemon that is not root delivers as itself, and says whom it cannot deliver as."""
    other = os.getuid() + 12345
    daemon = t.daemon(text=f"""\
table users {{ "alice@example.test" = "alice", "bob@example.test" = "bob" }}
table base {{ "alice" = "{{owner}}:{{mail}}/alice", "bob" = "{other}:{other}:{{mail}}/bob" }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir virtual <users> userbase <base>
match from any for domain "example.test" action "local"
""")
    send(daemon, 1, "alice@example.test", "bob@example.test")
    t.equal(len(daemon.wait_delivered(1, "alice")), 1)
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] >= 1], "an attempt")[0]
    t.true("not started as root, cannot act as bob" in row["last_error"], row["last_error"])
    t.equal(maildir.count(daemon.maildir_of("bob")), 0)


@case()
def started_without_standard_descriptors(t):
    """What starts it may have closed them: their numbers are not taken by anything else."""
    daemon = t.daemon()
    daemon.stop()
    ours = account.unprivileged()
    program = account.reachable_program(ours, t.program("ringpostd"), t.directory)
    done = subprocess.run(["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', program, "--home", daemon.home,
                           "-f", daemon.configuration_path], timeout=20, check=False,
                          **account.popen_arguments(ours))
    t.equal(done.returncode, 0, "exit status")
    try:
        send(daemon, 1, "alice@example.test")
        t.equal(len(daemon.wait_delivered(1)), 1)
    finally:
        daemon.control_ok("stop")


@case()
def goes_to_the_background(t):
    """Without -d the start returns when mail is taken, and fails when it is not."""
    daemon = t.daemon()
    daemon.stop()
    done = t.run_daemon("--home", daemon.home, "-f", daemon.configuration_path)
    t.equal(done.returncode, 0, done.stderr)
    try:
        send(daemon, 1, "alice@example.test")
        t.equal(len(daemon.wait_delivered(1)), 1)
        done = t.run_daemon("--home", daemon.home, "-f", t.path("no-such-file"))
        t.equal(done.returncode, 1, "a start that fails")
        t.true("no-such-file" in done.stderr, done.stderr)
    finally:
        daemon.control_ok("stop")
    with open(os.path.join(daemon.home, "ringpostd.log"), encoding="utf-8") as log:
        text = log.read()
    t.true("event=daemon.started" in text, text)

"""sendmail, mailq and newaliases: programs hand in mail by them, with and without a daemon."""
import email
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import threading
import time

from harness import maildir
from harness.case import case

host = socket.gethostname().lower()

ok, usage, data_error, no_user, unavailable, temporary, no_permission = 0, 64, 65, 67, 69, 75, 77


def configuration(t, extra=""):
    """alice and bob get what is for this machine; both as the user that runs the daemon."""
    return f"""
queue retry-interval 1s
table users {{ "alice" = "alice", "bob" = "bob", "root" = "alice", "jürgen" = "bob",
  "user" = "alice", "nobody" = "bob" }}
table base {{ "alice" = "{{owner}}:{{mail}}/alice", "bob" = "{{owner}}:{{mail}}/bob" }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
listen on socket tag HERE
{extra}
action "local" maildir "{{mail}}/%{{user.username}}/Maildir" virtual <users> userbase <base>
match from socket tag HERE for any action "local"
"""


def start(t, extra=""):
    return t.daemon(text=configuration(t, extra))


def sendmail(t, home, arguments, text=b"", name="sendmail", **options):
    """Run it in the environment of the home; text is its standard input."""
    environment = dict(os.environ, RINGPOST_HOME=home)
    path = os.path.join(t.build, "bin", name)
    return subprocess.run([path, *arguments], input=text, env=environment, timeout=60,
                          capture_output=True, check=False, **options)


def status(t, done, expected, what):
    if done.returncode != expected:
        raise AssertionError(f"{what}: exit status {done.returncode}, not {expected}: "
                             f"{done.stderr!r}")


def delivered(t, daemon, user, count):
    t.eventually(lambda: maildir.count(daemon.maildir_of(user)) >= count, f"{count} for {user}")
    messages = maildir.read(daemon.maildir_of(user))
    t.equal(len(messages), count, f"messages of {user}")
    return messages


def offline(home):
    folder = os.path.join(home, "spool", "offline")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def refused(home):
    folder = os.path.join(home, "spool", "offline-refused")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


@case()
def arguments_and_header(t):
    """Recipients of the command line and of the header; Bcc goes; what is missing is added."""
    daemon = start(t)
    text = (b"To: Alice <alice>\nBcc: bob@x.test,\n nobody@" + host.encode() +
            b"\nSubject: hello\n\none\n..two\n.\nnot of it\n")
    status(t, sendmail(t, daemon.home, ["-t", "-f", "sender@from.test", "-F", "A. Name"], text), ok,
           "-t")
    message = delivered(t, daemon, "alice", 1)[0]
    for copy in delivered(t, daemon, "bob", 2):
        t.equal(copy.content, message.content, "the copy of a hidden recipient")
    t.equal(message.return_path, "<sender@from.test>")
    fields, _, body = message.content.partition(b"\r\n\r\n")
    t.equal(body, b"one\r\n..two\r\n", "body")
    t.true(b"bcc" not in fields.lower() and b"bob" not in fields, f"hidden recipients: {fields!r}")
    parsed = email.message_from_bytes(message.content)
    t.equal(parsed["To"], f"Alice <alice@{host}>")
    t.equal(parsed["From"], '"A. Name" <sender@from.test>')
    t.true(parsed["Date"] and parsed["Message-ID"].endswith(f"@{host}>"), f"fields: {fields!r}")
    t.true(b"[local])" in message.received and
           f"({os.getuid()}@".encode() in message.received, f"trace: {message.received!r}")
    t.eventually(lambda: f"client=local:{os.getuid()} " in daemon.log(), "the log names the user")


@case()
def like_cron(t):
    """What cron writes, with the options that it uses."""
    daemon = start(t)
    text = (b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> job\n"
            b"X-Cron-Env: <SHELL=/bin/sh>\n\nline\n.\nafter a dot\n")
    for arguments in (["-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"], ["-oi", "-odi", "-t"]):
        status(t, sendmail(t, daemon.home, arguments, text), ok, " ".join(arguments))
    for message in delivered(t, daemon, "alice", 2):
        t.true(message.content.endswith(b"\r\n\r\nline\r\n.\r\nafter a dot\r\n"), "the body")
        t.true(message.content.startswith(b"From: root@" + host.encode() + b" (Cron Daemon)\r\n"),
               "the From field")
        t.equal(message.return_path, f"<root@{host}>")


@case()
def exit_statuses(t):
    """Each failure has its status of sysexits.h, and nobody gets anything then."""
    daemon = start(t, extra='match from socket for domain "closed.test" reject')
    def run(*arguments, text=b"x\n"):
        return sendmail(t, daemon.home, arguments, text)
    status(t, run(), usage, "no recipients")
    status(t, run("-Q"), usage, "unknown option")
    status(t, run("-bd"), usage, "-bd")
    status(t, run("alice", "a b"), data_error, "no address")
    status(t, run("-t", text=b"To: a b\n\nx\n"), data_error, "no address in To")
    done = run("alice", "nosuch@x.test")
    status(t, done, no_user, "unknown user")
    t.true(b"nosuch@x.test" in done.stderr and b"550" in done.stderr, f"told: {done.stderr!r}")
    status(t, run("alice", text=b"x" * 40_000_000), unavailable, "too large")
    t.equal(maildir.count(daemon.maildir_of("alice")), 0, "messages")
    t.equal(offline(daemon.home), [], "offline")
    status(t, run("-v", "alice"), ok, "delivered")
    delivered(t, daemon, "alice", 1)


@case()
def any_content(t):
    """Eight-bit, UTF-8 addresses, no header, CRLF, long lines, no last line end, controls."""
    daemon = start(t)
    bodies = [b"\xff\xfe\x80 octets\n", "Grüße\n".encode(), b"a\r\nb\r\n", b"z" * 100_000,
              b"no end", b"", b"\n\n\n", b"a\x01\x02\x7f\n", b"From the start\n" * 3,
              b"0123456789abcde\n" * 200_000]
    for number, body in enumerate(bodies):
        text = b"Subject: %d\n\n%s" % (number, body)
        status(t, sendmail(t, daemon.home, ["-i", "alice"], text), ok, f"body {number}")
    found = {int(email.message_from_bytes(message.content)["Subject"]):
             message.content.partition(b"\r\n\r\n")[2]
             for message in delivered(t, daemon, "alice", len(bodies))}
    for number, body in enumerate(bodies):
        wanted = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        wanted += b"" if wanted.endswith(b"\r\n") or not wanted else b"\r\n"
        t.true(found[number] == wanted, f"body {number}")
    status(t, sendmail(t, daemon.home, ["jürgen@bücher.test"], b"x\n"), ok, "UTF-8 address")
    message = delivered(t, daemon, "bob", 1)[0]
    t.true(b"UTF8SMTP" in message.received, f"trace: {message.received!r}")


@case()
def dialogue(t):
    """-bs: Python's smtplib speaks to it as to a server."""
    daemon = start(t)
    environment = dict(os.environ, RINGPOST_HOME=daemon.home)
    ours, theirs = socket.socketpair()
    child = subprocess.Popen([t.program("sendmail"), "-bs"], stdin=theirs, stdout=theirs,
                             env=environment)
    t.defer(child.wait)
    theirs.close()
    client = smtplib.SMTP()
    client.sock = ours
    t.equal(client.getreply()[0], 220, "greeting")
    client.ehlo("me")
    t.equal(client.sendmail("s@from.test", [f"alice@{host}"], b"Subject: x\r\n\r\n" + b"y" * 500_000),
            {}, "refused recipients")
    client.quit()
    t.equal(child.wait(10), ok, "exit status")
    delivered(t, daemon, "alice", 1)
    daemon.stop()
    done = sendmail(t, daemon.home, ["-bs"], b"EHLO x\r\n")
    status(t, done, temporary, "-bs without a daemon")
    t.true(done.stdout.startswith(b"421 "), f"said: {done.stdout!r}")


@case()
def mailq_and_newaliases(t):
    """The queue and the reload by their old names."""
    daemon = start(t)
    t.equal(daemon.control("pause", "mda").returncode, 0, "pause")
    status(t, sendmail(t, daemon.home, ["alice"], b"x\n"), ok, "sendmail")
    for name, arguments in (("mailq", []), ("sendmail", ["-bp"])):
        done = sendmail(t, daemon.home, arguments, name=name)
        status(t, done, ok, name)
        t.true(f"alice@{host}".encode() in done.stdout, f"{name}: {done.stdout!r}")
    for name, arguments in (("newaliases", []), ("sendmail", ["-bi"])):
        status(t, sendmail(t, daemon.home, arguments, name=name), ok, name)
    t.equal(daemon.control("resume", "mda").returncode, 0, "resume")
    status(t, sendmail(t, daemon.home, ["-q"]), ok, "-q")
    delivered(t, daemon, "alice", 1)
    daemon.stop()
    status(t, sendmail(t, daemon.home, [], name="mailq"), unavailable, "mailq without a daemon")


@case()
def foreign_programs(t):
    """mail(1) of what Debian has, and Python, with our sendmail as theirs."""
    daemon = start(t)
    environment = dict(os.environ, RINGPOST_HOME=daemon.home)
    sent = 0
    nail = shutil.which("s-nail")
    if nail:
        subprocess.run([nail, "-n", "-S", f"mta={t.program('sendmail')}", "-S", "sendwait",
                        "-s", "by s-nail", "alice"], input=b"text\n.\n", env=environment,
                       timeout=30, check=True)
        sent += 1
    else:
        t.note("no s-nail here")
    message = email.message.EmailMessage()
    message["To"], message["Subject"] = "alice", "by Python"
    message.set_content("text\n")
    with subprocess.Popen([t.program("sendmail"), "-t", "-oi"], stdin=subprocess.PIPE,
                          env=environment) as child:
        child.communicate(bytes(message))
    t.equal(child.returncode, ok, "exit status")
    delivered(t, daemon, "alice", sent + 1)


@case()
def no_daemon(t):
    """Mail waits while there is no daemon, and comes when there is one: once each."""
    daemon = start(t)
    daemon.stop()
    for number in range(20):
        status(t, sendmail(t, daemon.home, ["alice"], b"Subject: %d\n\nx\n" % number), ok, "offline")
    t.equal(len(offline(daemon.home)), 20, "waiting files")
    daemon.start()
    found = [email.message_from_bytes(message.content)["Subject"]
             for message in delivered(t, daemon, "alice", 20)]
    t.equal(sorted(map(int, found)), list(range(20)), "messages")
    t.eventually(lambda: not offline(daemon.home), "an empty folder")


@case(seconds=120)
def kill_while_taking_in(t):
    """SIGKILL while the daemon takes offline mail in: nothing is lost, little comes twice."""
    daemon = start(t)
    daemon.stop()
    count = 60
    body = b"y" * 20_000
    for number in range(count):
        status(t, sendmail(t, daemon.home, ["alice"], b"Subject: %d\n\n%s\n" % (number, body)), ok,
               "offline")
    lives = 4
    for life in range(lives):
        daemon.start()
        time.sleep(0.005 * life)
        daemon.kill()
    daemon.start()
    t.eventually(lambda: not offline(daemon.home), "an empty folder")
    daemon.wait_queue_empty(30)
    found = [int(email.message_from_bytes(message.content)["Subject"])
             for message in maildir.read(daemon.maildir_of("alice"))]
    t.equal(sorted(set(found)), list(range(count)), "messages")
    t.true(len(found) <= count + lives, f"at most one twice for each kill: {len(found)}")
    t.note(f"{len(found) - count} twice")


@case()
def a_daemon_that_is_busy_or_silent(t):
    """Paused, the daemon greets nobody: the message waits and is taken in afterwards."""
    daemon = start(t)
    t.equal(daemon.control("pause", "smtp").returncode, 0, "pause")
    status(t, sendmail(t, daemon.home, ["-v", "alice"], b"x\n"), ok, "while paused")
    t.equal(len(offline(daemon.home)), 1, "waiting files")
    t.equal(daemon.control("resume", "smtp").returncode, 0, "resume")
    daemon.stop()
    daemon.start()
    delivered(t, daemon, "alice", 1)


@case()
def many_at_once(t):
    """A hundred programs at the same time."""
    daemon = start(t)
    results = []
    def one(number):
        results.append(sendmail(t, daemon.home, ["alice", "bob"], b"Subject: %d\n\nx\n" % number))
    threads = [threading.Thread(target=one, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.equal({done.returncode for done in results}, {ok}, "exit statuses")
    for user in ("alice", "bob"):
        t.eventually(lambda u=user: maildir.count(daemon.maildir_of(u)) == 100, f"100 for {user}",
                     30)


@case()
def hostile_folder(t):
    """Links, devices, folders and forged files in the offline folder: put aside, harmless."""
    daemon = start(t)
    daemon.stop()
    status(t, sendmail(t, daemon.home, ["alice"], b"Subject: good\n\nx\n"), ok, "offline")
    folder = os.path.join(daemon.home, "spool", "offline")
    good = os.path.join(folder, offline(daemon.home)[0])
    with open(good, "rb") as file:
        content = file.read()
    secret = t.path("secret")
    with open(secret, "wb") as file:
        file.write(content.replace(b"Subject: good", b"Subject: evil"))
    os.symlink(secret, os.path.join(folder, "msg.0000000000000001"))
    os.link(secret, os.path.join(folder, "msg.0000000000000002"))
    os.mkfifo(os.path.join(folder, "msg.0000000000000003"))
    os.mkdir(os.path.join(folder, "msg.0000000000000004"))
    # A folder that its owner keeps others from writing to cannot be moved either, and stays.
    os.chmod(os.path.join(folder, "msg.0000000000000004"), 0o777)
    forged = {5: content.replace(b"uid %d\n" % os.getuid(), b"uid %d\n" % (os.getuid() + 1)),
              6: content[:-1], 7: content.replace(b"Subject: good", b"Subject: evil"),
              8: content.replace(b"to alice@", b"to alice@\r\nRCPT TO:<bob@"), 9: b"\0" * 100_000}
    for number, octets in forged.items():
        with open(os.path.join(folder, f"msg.{number:016x}"), "wb") as file:
            file.write(octets)
    with open(os.path.join(folder, "msg.000000000000000a"), "wb") as file:
        file.truncate(1 << 40)
    os.symlink("/dev/zero", os.path.join(folder, "tmp.0000000000000001"))
    daemon.start()
    message = delivered(t, daemon, "alice", 1)[0]
    t.true(b"Subject: good" in message.content, "the good one")
    t.eventually(lambda: offline(daemon.home) == ["tmp.0000000000000001"], "an empty folder")
    t.equal(len(refused(daemon.home)), 10, "files put aside")
    t.eventually(lambda: len(daemon.events("offline.set_aside")) == 10, "ten log lines")
    with open(secret, "rb") as file:
        t.true(b"evil" in file.read(), "what a link pointed to is there")
    t.equal(maildir.count(daemon.maildir_of("bob")), 0, "messages for bob")


@case()
def what_is_moved_back_is_discovered(t):
    """`ringpostctl discover` takes in at once what the operator has put into the offline folder."""
    daemon = start(t)
    daemon.stop()
    status(t, sendmail(t, daemon.home, ["alice"], b"Subject: kept\n\nx\n"), ok, "offline")
    name = offline(daemon.home)[0]
    file = os.path.join(daemon.home, "spool", "offline", name)
    elsewhere = t.path(name)
    os.rename(file, elsewhere)
    daemon.start()
    daemon.control_ok("discover")  # nothing there
    os.rename(elsewhere, file)
    daemon.control_ok("discover")
    t.eventually(lambda: maildir.count(daemon.maildir_of("alice")) == 1, "taken in", 10)
    t.eventually(lambda: not offline(daemon.home), "an empty folder")


@case()
def options_of_the_listeners(t):
    """mask-src hides the client, no-dsn offers no reports; on the socket and on a port."""
    text = configuration(t).replace("tag HERE\n", "tag HERE mask-src no-dsn\n", 1)
    text = text.replace("hostname mx.example.test", "hostname mx.example.test mask-src no-dsn", 1)
    daemon = t.daemon(text=text + 'match from any for any action "local"\n')
    status(t, sendmail(t, daemon.home, ["-Nsuccess", "-Rhdrs", "alice"], b"x\n"), ok, "socket")
    with smtplib.SMTP("127.0.0.1", daemon.port) as client:
        client.ehlo("me.test")
        t.true(not client.has_extn("dsn") and client.has_extn("chunking"), "extensions")
        t.equal(client.docmd("MAIL FROM:<a@b.test> RET=HDRS")[0], 555, "RET")
        t.equal(client.docmd("MAIL FROM:<a@b.test> ENVID=x")[0], 555, "ENVID")
        t.equal(client.mail("a@b.test")[0], 250, "MAIL")
        t.equal(client.docmd("RCPT TO:<alice@b.test> NOTIFY=NEVER")[0], 555, "NOTIFY")
        t.equal(client.rcpt("alice@b.test")[0], 250, "RCPT")
        t.equal(client.data(b"x\r\n")[0], 250, "DATA")
    for message in delivered(t, daemon, "alice", 2):
        t.true(message.received.startswith(b"by "), f"trace: {message.received!r}")


@case()
def modes(t):
    """Who may do what: everybody may connect and add, only the daemon lists."""
    daemon = start(t)
    def mode(*parts):
        return os.stat(os.path.join(daemon.home, *parts)).st_mode & 0o7777
    t.equal(mode("run"), 0o711, "run")
    t.equal(mode("run", "smtp.sock"), 0o666, "smtp.sock")
    t.equal(mode("run", "control.sock"), 0o600, "control.sock")
    # The folders are made ready just after the ports.
    t.eventually(lambda: mode("spool") == 0o711, "spool")
    t.eventually(lambda: mode("spool", "offline") == 0o3733, "offline")
    daemon.stop()
    t.true(not os.path.exists(os.path.join(daemon.home, "run", "smtp.sock")), "the socket goes")


@case()
def another_user(t):
    """An unprivileged user hands in mail, with the daemon and without; it sees nobody else's."""
    if os.getuid() != 0:
        t.skip("needs root, to become another user")
    daemon = start(t)
    programs = t.path("bin")
    os.mkdir(programs, 0o755)
    shutil.copy(t.program("ringpostctl"), os.path.join(programs, "sendmail"))
    os.chmod(daemon.home, 0o711)
    def run(*arguments):
        environment = {"RINGPOST_HOME": daemon.home, "PATH": "/usr/bin:/bin"}
        return subprocess.run([os.path.join(programs, "sendmail"), *arguments], input=b"x\n",
                              env=environment, user=20777, group=20777, extra_groups=[],
                              capture_output=True, timeout=30, check=False, cwd="/")
    status(t, run("alice"), ok, "with the daemon")
    t.true(b"(20777@" in delivered(t, daemon, "alice", 1)[0].received, "the trace names the user")
    daemon.stop()
    status(t, run("alice"), ok, "without the daemon")
    folder = os.path.join(daemon.home, "spool", "offline")
    kept = os.path.join(folder, offline(daemon.home)[0])
    owner = os.stat(kept)
    t.equal((owner.st_uid, owner.st_gid, owner.st_mode & 0o777),
            (20777, os.stat(folder).st_gid, 0o640), "owner and mode")
    listing = subprocess.run(["ls", folder], user=20777, group=20777, extra_groups=[],
                             capture_output=True, check=False)
    t.true(listing.returncode != 0, "the folder cannot be listed")
    daemon.start()
    t.true(any(b"(20777@" in message.received and b"for <alice" in message.received
               for message in delivered(t, daemon, "alice", 2)), "in the user's name")
    t.eventually(lambda: len(daemon.events("offline.tried")) == 1, "one log line")
    os.kill(daemon.process.pid, signal.SIGHUP)

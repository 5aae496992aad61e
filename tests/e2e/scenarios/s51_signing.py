"""`dkim` and `arc` lines: mail is signed and sealed while it is accepted; Debian's python3-dkim says
what the signatures are worth."""
import base64
import crypt
import os
import re
import signal
import ssl
import subprocess

from harness import account, certificates, dkim_mail, lmtp, maildir, nameserver, smtp
from harness.case import case
from harness.daemon import free_port

host = "mx.example.test"
stranger = "127.0.0.2"


class Keys:
    """A key of each kind for a domain, made by ringpostctl, and the records that publish them."""

    def __init__(self, t, domain):
        self.test, self.domain, self.paths, self.lines, self.records = t, domain, {}, [], {}
        for kind in ("rsa", "ed25519"):
            path = self.paths[kind] = t.path(f"{domain}.{kind}.pem")
            made = subprocess.run(
                [t.program("ringpostctl"), "dkim", "keygen", "--type", kind, "--domain", domain,
                 "--selector", kind, "--key", path], check=True, capture_output=True, timeout=60)
            account.give(account.unprivileged(), path)
            line = made.stdout.decode().strip()
            self.lines.append(line)
            name = f"{kind}._domainkey.{domain}.".encode()
            self.records[name] = "".join(re.findall(r'"([^"]*)"', line)).encode()

    def directive(self, kind, more="", domain=None, selector=None):
        return (f'dkim domain "{domain or self.domain}" selector "{selector or kind}"'
                f' key "{self.paths[kind]}" {more}\n')


def signatures(content):
    """(d=, s=) of each, from the top."""
    fields = re.findall(rb"^DKIM-Signature:((?:[^\r\n]|\r\n[ \t])*)", content, re.M)
    tags = [dict(re.findall(r"(\w+)=([^;]*)", re.sub(r"\s", "", one.decode()))) for one in fields]
    return [(one["d"], one["s"]) for one in tags]


def verified(t, content, records):
    """Whether each signature of the content is right."""
    dkim = dkim_mail.library(t)
    checker = dkim.DKIM(content)
    try:
        found = [checker.verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name))
                 for index in range(len(signatures(content)))]
    except dkim.DKIMException:
        return False
    return bool(found) and all(found)


def message(author="alice@a.test", more=b"", body=b"Hello.\r\n"):
    return (b"From: Alice <" + author.encode() + b">\r\nTo: x@there.test\r\n" + more +
            b"Subject: folded\r\n\tsubject  with   blanks \r\n"
            b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\n" + body)


class World:
    """A daemon that relays to a scripted server: mail of this machine, and of alias `away`."""

    def __init__(self, t, lines, listen="", resolver="", more="", **arguments):
        self.server = lmtp.Server(t, smtp=True)
        self.checked = free_port()
        tail = f"listen on 127.0.0.1 port {self.checked} hostname {host} {listen}\n"
        self.daemon = t.daemon(users=["alice"], text=(
            f'{resolver}{more}{lines}'
            'table users { "alice@here.test" = "alice", "away@here.test" = "x@there.test" }\n'
            'table base { "alice" = "{owner}:{mail}/alice" }\n'
            f'listen on 127.0.0.1 port {{port}} hostname {host}\n{tail}'
            'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
            ' userbase <base>\n'
            f'action "out" relay host "smtp://{self.server.destination}"\n'
            'match from any for domain "here.test" action "local"\n'
            'match from any auth for any action "out"\n'
            'match from local for any action "out"\n'), **arguments)
        self.test = t

    def send(self, content, recipient="x@there.test", sender="alice@a.test", port=None,
             source=None):
        with smtp.Client("127.0.0.1", port or self.daemon.port, source=source) as client:
            client.hello()
            client.envelope(sender=sender, recipients=(recipient,))
            client.expect("DATA", 354)
            client.send(smtp.stuffed(content))
            reply = client.reply()
            client.quit()
            return reply

    def relayed(self, content, **how):
        """The message as the server got it."""
        before = len(self.server.messages)
        self.test.equal(self.send(content, **how).code, 250)
        self.test.eventually(lambda: len(self.server.messages) > before, "it is relayed")
        return self.server.messages[-1]["content"]


@case(seconds=90)
def what_is_signed_verifies(t):
    """By both keys, over awkward content, in every canonical form; in front of the content, which is
    as it was sent."""
    keys = Keys(t, "a.test")
    forms = ["", "canonical simple", "canonical simple/relaxed", "canonical relaxed/simple"]
    contents = [message(), message(body=b""), message(body=b"\r\n\r\n \r\n"),
                message(body=b"x" * 900 + b"\r\n \t y  z \t\r\n\r\n\r\n"),
                message(body=b".\r\n..\r\nFrom dots\r\n" * 5_000),
                message(more=b"".join(b"Received: by h%d; now\r\n" % n for n in range(20))),
                message(more=b"X-8bit: \xc3\xa4\xff\r\n", body=b"\xe9\x00\x80 \r\n")]
    for form in forms:
        world = World(t, keys.directive("rsa", form) + keys.directive("ed25519", form))
        for content in contents:
            got = world.relayed(content)
            t.equal(signatures(got), [("a.test", "rsa"), ("a.test", "ed25519")])
            t.true(got.startswith(b"DKIM-Signature:"), "above all else")
            t.true(got.endswith(content), "the content is as it was")
            t.true(verified(t, got, keys.records), f"{form}: {got[:3000]!r}")
            t.true(not verified(t, got.replace(b"Hello", b"hullo").replace(b"\tsubject", b"\tx"),
                                keys.records), "a change is seen")
        world.daemon.stop()


@case(seconds=60)
def whose_mail_is_signed(t):
    """Only that of those whom the server knows, and by the author's domain."""
    a, b = Keys(t, "a.test"), Keys(t, "b.test")
    world = World(t, a.directive("rsa") + b.directive("ed25519", "expires 7d") + a.directive(
        "ed25519", domain="mail.a.test"))
    for author, wanted in {"x@a.test": [("a.test", "rsa")], "x@B.test": [("b.test", "ed25519")],
                           "x@sub.a.test": [("a.test", "rsa")], "x@c.test": [],
                           "x@mail.a.test": [("mail.a.test", "ed25519")]}.items():
        t.equal(signatures(world.relayed(message(author))), wanted, author)
    t.true(b" x=" in world.relayed(message("x@b.test")), "it ends some day")
    t.equal(signatures(world.relayed(b"Subject: nobody's\r\n\r\nx\r\n")), [])
    # What a stranger says is from here.
    got = world.relayed(message("x@a.test"), recipient="away@here.test", source=stranger)
    t.equal(signatures(got), [])
    many = ", ".join(["x@a.test"] + [f"x@d{number}.test" for number in range(6)])
    t.equal(signatures(world.relayed(message(many))), [], "of so many authors")
    told = world.daemon.control_ok("explain", world.send(message()).queue_id).decode()
    t.true("a.test/rsa" in told, told)


@case(seconds=60)
def by_user_and_listener(t):
    """`auth`, `tag`, `any-author`; a user with a domain signs for that one alone."""
    a, b = Keys(t, "a.test"), Keys(t, "b.test")
    authority = certificates.Authority(t, "authority")
    port, secret = free_port(), crypt.crypt("pass", crypt.mksalt(crypt.METHOD_SHA512, rounds=1000))
    names = ("bob@a.test", "eve@b.test", "agent@b.test", "root")
    rows = ", ".join(f'"{name}" = "{secret}"' for name in names)
    lines = (a.directive("rsa") + a.directive("ed25519", "auth <agents>") +
             b.directive("rsa", "tag BULK any-author", selector="rsa"))
    world = World(t, lines, more=(
        f'{authority.pki("server", [host])}table creds {{ {rows} }}\n'
        'table agents { "agent@b.test" }\n'
        f'listen on 127.0.0.1 port {port} hostname {host} smtps pki server auth <creds>\n'),
        listen="tag BULK")
    context = ssl.create_default_context(cafile=authority.certificate)

    def submit(user):
        before = len(world.server.messages)
        with smtp.Client("127.0.0.1", port, tls=context, server_name=host) as client:
            client.hello()
            response = base64.b64encode(f"\0{user}\0pass".encode()).decode()
            client.expect(f"AUTH PLAIN {response}", 235)
            client.transaction(message(), sender="alice@a.test", recipients=("x@there.test",))
            client.quit()
        t.eventually(lambda: len(world.server.messages) > before, "it is relayed")
        got = world.server.messages[-1]["content"]
        t.true(not signatures(got) or verified(t, got, a.records | b.records), got)
        return [selector for _, selector in signatures(got)]

    t.equal(submit("bob@a.test"), ["rsa"])
    t.equal(submit("eve@b.test"), [], "not for another's domain")
    t.equal(submit("agent@b.test"), ["ed25519"], "unless a line names the user")
    t.equal(submit("root"), ["rsa"])
    got = world.relayed(message("x@elsewhere.test"), port=world.checked)
    t.equal(signatures(got), [("b.test", "rsa")])
    t.true(verified(t, got, b.records), got)


@case(seconds=60)
def what_leaves_again_is_sealed(t):
    """Mail of strangers by an alias: the results and a seal on top, the author's signature as it
    was; a second hop seals on. What stays here is not sealed, nor is what was not looked at."""
    keys = Keys(t, "here.test")
    signed, record = dkim_mail.sign(t, message("x@client.test"))
    text = record.decode()
    server = nameserver.Nsd(t, {
        "client.test": [f'@ TXT "v=spf1 ip4:{stranger} -all"',
                        f'test._domainkey TXT "{text[:200]}" "{text[200:]}"',
                        '_dmarc TXT "v=DMARC1; p=reject"'],
        "here.test": [line.replace(".here.test.", "") for line in keys.lines]})
    dkim = dkim_mail.library(t)
    records = keys.records | {b"test._domainkey.client.test.": record}
    for kind in ("rsa", "ed25519"):
        service = {"rsa": b"mx.example.test", "ed25519": b"ours.test"}[kind]
        world = World(t, f'arc domain "here.test" selector "{kind}" key "{keys.paths[kind]}"\n',
                      more="" if kind == "rsa" else 'admd "ours.test"\n',
                      listen="dmarc reject", resolver=f"resolver {server.address}\n")
        how = {"recipient": "away@here.test", "sender": "x@client.test", "source": stranger}
        content = signed
        for instance in (1, 2):
            content = world.relayed(content, port=world.checked, **how)
            t.true(content.startswith(b"ARC-Seal: "), content)
            t.true(b"ARC-Authentication-Results: i=%d; %s; " % (instance, service) in content,
                   content)
            chain, sets, why = dkim.ARC(content).verify(
                dnsfunc=lambda name, timeout=5: records.get(name))
            if kind == "rsa":  # dkimpy knows no other for ARC
                t.equal((chain, len(sets)), (b"pass", instance), why)
        unsealed = world.relayed(signed, **how)
        t.true(b"ARC-Seal" not in unsealed, "nobody looked at it")
        t.equal(world.send(signed, recipient="alice@here.test", sender="x@client.test",
                           port=world.checked, source=stranger).code, 250)
        world.daemon.wait_queue_empty()
        (path,) = maildir.files(world.daemon.maildir_of("alice"))
        with open(path, "rb") as file:
            t.true(b"ARC-Seal" not in file.read(), "it stays here")
        world.daemon.stop()
    judged = subprocess.run(
        [t.program("ringpostctl"), "auth", "--dns", server.address, "--ip", stranger, "--helo",
         "h.client.test", "--mail-from", "x@client.test"], input=content, check=True,
        capture_output=True, timeout=60).stdout
    t.true(b'"arc":{"result":"pass","instances":2}' in judged.replace(b" ", b""), judged)


@case(seconds=90)
def without_the_key_process(t):
    """It is killed while messages come: each is signed, or is not accepted. Without its key it is
    refused for now."""
    keys = Keys(t, "a.test")
    world = World(t, keys.directive("rsa"))
    codes = []
    for round_ in range(3):
        process = t.eventually(lambda: world.daemon.child_named("ringpost-keys"), "a key process")
        os.kill(process, signal.SIGKILL)
        codes += [world.send(message()).code for _ in range(4)]
        t.eventually(lambda: world.daemon.child_named("ringpost-keys") not in (None, process),
                     f"round {round_}: another one")
    world.daemon.wait_queue_empty()
    t.equal(set(codes) - {250, 451}, set())
    t.true(250 in codes, codes)
    t.equal(len(world.server.messages), codes.count(250))
    for one in world.server.messages:
        t.true(verified(t, one["content"], keys.records), "none without a signature")
    os.rename(keys.paths["rsa"], keys.paths["rsa"] + ".gone")
    process = world.daemon.child_named("ringpost-keys")
    os.kill(process, signal.SIGKILL)
    t.eventually(lambda: world.daemon.child_named("ringpost-keys") not in (None, process),
                 "another one")
    reply = world.send(message())
    t.true(str(reply).startswith("451 4.7.5 This message cannot be signed now"), str(reply))
    t.equal(world.send(message("x@c.test")).code, 250, "what needs no signature")


def report_of(t, world, count):
    """The header, and all, of the newest of alice's reports once there are so many."""
    folder = world.daemon.maildir_of("alice")
    t.eventually(lambda: maildir.count(folder) >= count, f"{count} reports")
    newest = max(maildir.files(folder), key=os.path.getmtime)
    with open(newest, "rb") as file:
        content = file.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return content.split(b"\r\n\r\n")[0] + b"\r\n", content


@case(seconds=60)
def what_senders_are_told_is_signed(t):
    """A report has a signature as other mail from here. Without its key it leaves without one, which
    is counted and said."""
    keys = Keys(t, "a.test")
    world = World(t, keys.directive("rsa", "any-author"))
    world.server.at_rcpt["gone@there.test"] = "550 5.1.1 gone"
    how = {"recipient": "gone@there.test", "sender": "alice@here.test"}
    t.equal(world.send(message(), **how).code, 250)
    header, content = report_of(t, world, 1)
    t.true(b"From: Mail Delivery System <MAILER-DAEMON@" in header, header)
    t.equal(signatures(header), [("a.test", "rsa")])
    checker = dkim_mail.library(t).DKIM(content)
    t.true(checker.verify(idx=0, dnsfunc=lambda name, timeout=5: keys.records.get(name)), content)
    # The message is in the queue before the key goes.
    world.daemon.control_ok("pause", "mta")
    t.equal(world.send(message(), **how).code, 250)
    os.rename(keys.paths["rsa"], keys.paths["rsa"] + ".gone")
    process = world.daemon.child_named("ringpost-keys")
    os.kill(process, signal.SIGKILL)
    t.eventually(lambda: world.daemon.child_named("ringpost-keys") not in (None, process),
                 "another one")
    world.daemon.control_ok("resume", "mta")
    header, _ = report_of(t, world, 2)
    t.equal(signatures(header), [])
    world.daemon.wait_queue_empty()
    t.equal(len(world.daemon.events("report.unsigned")), 1)
    t.equal(world.daemon.statistics()["ringpost_delivery_reports_unsigned_total"], 1)


@case(seconds=60)
def bare_line_ends_are_not_signed(t):
    """The next server may make others of them, and break the signature."""
    keys = Keys(t, "a.test")
    world = World(t, keys.directive("rsa"), more="smtp bare-newline keep\n")
    t.equal(signatures(world.relayed(message(body=b"a\nb\r\n"))), [])
    t.equal(signatures(world.relayed(message(body=b"a\r\nb\r\n"))), [("a.test", "rsa")])

"""Submission: what the server completes for those who submit mail, and for nobody else."""
import base64
import crypt
import os
import re
import shutil
import socket
import ssl
import time

from harness import certificates, maildir, messages, smtp, table_program
from harness.case import case
from harness.daemon import free_port

submission_address = "127.0.0.33"  # its port 587 belongs to these cases
first_uid = 20001                  # of a user that no system knows
password = "correct horse"
host = "mx.example.test"
sender_rows = {"alice": "alice@example.test, @alias.test", "carol": "@"}

draft = (b"From: alice\r\nTo: bob, Carol <carol@c.example>,\r\n\t\"d e\" (x)\r\nCc: g: h;\r\n"
         b"Bcc: hidden@h.example,\r\n more@h.example\r\nSubject: draft\r\n\r\n"
         b"Bcc: text\r\n\r\nDate: text\r\n")
completed = (rb"From: alice@mx.example.test\r\nTo: bob@mx.example.test, Carol <carol@c.example>,"
             rb"\r\n\t\"d e\"@mx.example.test \(x\)\r\nCc: g: h@mx.example.test;\r\n"
             rb"Subject: draft\r\nDate: \w{3}, \d{2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n"
             rb"Message-ID: <[0-9a-f.]+@mx.example.test>\r\n\r\n"
             rb"Bcc: text\r\n\r\nDate: text\r\n")


class LocalClient(smtp.Client):
    """A client of the local socket."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(os.path.join(daemon.home, "run", "smtp.sock"))
        self._received = b""
        self.banner = self.expect_reply(220)


def start(t):
    """A daemon of root with port 587 beside an ordinary one."""
    if os.getuid() != 0:
        t.skip("only root can listen on port 587")
    daemon = t.daemon(users=["alice"], as_root=True, text=f"""\
engine cores 1
table users {{ "@example.test" = "alice", "@mx.example.test" = "alice" }}
table base {{ "alice" = "{first_uid}:{first_uid}:{{mail}}/alice" }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
listen on {submission_address} port submission hostname mx.example.test
listen on socket
action "local" maildir virtual <users> userbase <base>
match from any for domain {{ "example.test", "mx.example.test" }} action "local"
match for local action "local"
""")
    os.chown(daemon.home_of("alice"), first_uid, first_uid)
    os.chmod(daemon.home_of("alice"), 0o755)
    return daemon


def submission(_daemon=None, **options):
    return smtp.Client(submission_address, 587, **options)


def content(message):
    """What the client's content became: without the fields of our own in front of it."""
    text = re.sub(rb"\A(?:(?:Return-Path|Delivered-To|Received):.*\r\n(?:[ \t].*\r\n)*)*", b"",
                  message)
    return text


def last_content(daemon, count):
    """Of the newest of so many messages."""
    daemon.wait_delivered(count)
    files = maildir.files(daemon.maildir_of("alice"))
    with open(max(files, key=os.path.getmtime), "rb") as file:
        return content(file.read().replace(b"\n", b"\r\n"))


def hand_in(client, text, recipient="bob@example.test", sender="alice@a.example"):
    client.hello()
    client.expect(f"MAIL FROM:<{sender}>", 250)
    client.expect(f"RCPT TO:<{recipient}>", 250)
    smtp.check(client.data(text), 250, "2.0.0")
    client.quit()


@case()
def headers_are_completed(t):
    """Port 587 and the local socket: Bcc goes, domains, Date and Message-ID come; port 25: not."""
    daemon = start(t)
    for number, client in enumerate((submission(), LocalClient(daemon))):
        name = client.banner.lines[0].split()[0].encode()  # the listener's
        with client:
            hand_in(client, draft)
        found = last_content(daemon, number + 1)
        expected = completed.replace(b"mx.example.test", re.escape(name))
        t.true(re.fullmatch(expected, found), f"completed: {found}")
    sound = (b"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nmessage-id: <x@y.example>\r\n"
             b"From: a@b.example\r\nX-Odd :  kept \r\n\tas it is\r\n\r\ntext\r\n")
    with submission() as client:
        hand_in(client, sound)
    t.equal(last_content(daemon, 3), sound, "what is complete")
    with daemon.client() as client:
        hand_in(client, draft)
    t.equal(last_content(daemon, 4), draft, "mail of others")


@case()
def envelope_addresses_are_completed(t):
    """MAIL FROM:<alice> and RCPT TO:<bob> get the listener's name; elsewhere they are refused."""
    daemon = start(t)
    with submission() as client:
        hand_in(client, draft, recipient="bob", sender="alice")
    daemon.wait_delivered(1)
    with open(maildir.files(daemon.maildir_of("alice"))[0], "rb") as file:
        text = file.read()
    t.true(b"Return-Path: <alice@mx.example.test>" in text, text)
    t.true(b"Delivered-To: bob@mx.example.test" in text, text)
    with submission() as client:
        client.hello()
        client.expect("MAIL FROM:<>", 250)
        client.expect("RCPT TO:<nobody@elsewhere.example>", 550)
        client.expect("RCPT TO:<postmaster>", 250)
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<alice>", 501)
        client.expect("MAIL FROM:<alice@a.example>", 250)
        client.expect("RCPT TO:<bob>", 501)


@case()
def any_cutting(t):
    """Content octet by octet, in chunks, without body, without header, and 3 MB of it."""
    daemon = start(t)
    with submission() as client:
        client.hello()
        for command, code in (("MAIL FROM:<a@b.example>", 250), ("RCPT TO:<x@example.test>", 250),
                              ("DATA", 354)):
            client.expect(command, code)
        for octet in draft + b".\r\n":
            client.send(bytes([octet]))
            time.sleep(0.0005)
        client.expect_reply(250)
    t.true(re.fullmatch(completed, last_content(daemon, 1)), "octet by octet")
    with submission() as client:
        client.hello()
        client.expect("MAIL FROM:<a@b.example>", 250)
        client.expect("RCPT TO:<x@example.test>", 250)
        for at in range(0, len(draft), 50):
            part = draft[at:at + 50]
            last = " LAST" if at + 50 >= len(draft) else ""
            client.send(f"BDAT {len(part)}{last}\r\n".encode() + part)
            client.expect_reply(250)
    t.true(re.fullmatch(completed, last_content(daemon, 2)), "in chunks")
    added = rb"Date: .*\r\nMessage-ID: .*\r\n"
    for number, (text, expected) in enumerate((
            (b"Subject: no body\r\n", rb"Subject: no body\r\n" + added),
            (b"Bcc: x@y.example\r\n", added),
            (b"no header\r\n", added + rb"\r\nno header\r\n"))):
        with submission() as client:
            hand_in(client, text)
        found = last_content(daemon, 3 + number)
        t.true(re.fullmatch(expected, found), f"{text} became {found}")
    body = messages.simple(1, octets=3_000_000)
    body = body[body.index(b"\r\n\r\n"):]
    with submission() as client:
        hand_in(client, b"Bcc: x\r\nDate: d\r\nMessage-ID: <m@n>\r\nTo: bob" + body)
    t.equal(last_content(daemon, 6),
            b"Date: d\r\nMessage-ID: <m@n>\r\nTo: bob@mx.example.test" + body)



class Authenticated:
    """A daemon with an implicit TLS listener on which users authenticate."""

    def __init__(self, t, options, senders=None, more=""):
        self.authority = certificates.Authority(t)
        self.port = free_port()
        hashed = crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512, rounds=1000))
        creds = ", ".join(f'"{user}" = "{hashed}"' for user in ("alice", "bob", "carol"))
        senders = senders or "table allowed { " + ", ".join(
            f'"{user}" = "{row}"' for user, row in sender_rows.items()) + " }"
        self.daemon = t.daemon(users=["alice"], text=(
            f"{self.authority.pki('server', [host])}table creds {{ {creds} }}\n{senders}\n"
            'table users { "@example.test" = "alice" }\n'
            'table base { "alice" = "{owner}:{mail}/alice" }\n'
            "listen on 127.0.0.1 port {port}\n"
            f"listen on 127.0.0.1 port {self.port} hostname {host} smtps pki server {options}\n"
            'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
            f' userbase <base>\naction "out" relay host "smtp://127.0.0.1:9"\n{more}'
            'match from any for domain "example.test" action "local"\n'
            'match auth from any for any action "out"\n'))
        self.context = ssl.create_default_context(cafile=self.authority.certificate)

    def client(self, user=None):
        client = smtp.Client("127.0.0.1", self.port, tls=self.context, server_name=host)
        client.hello()
        if user:
            words = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            client.expect(f"AUTH PLAIN {words}", 235)
        return client


@case()
def senders_of_users(t):
    """`senders`: an authenticated user sends from the user's own addresses alone."""
    world = Authenticated(t, "auth-optional <creds> senders <allowed>")
    for user, allowed, refused in (
            ("alice", ("alice@example.test", "Alice+tag@example.test", "any.body@alias.test"),
             ("bob@example.test", "alice@other.test", "alice@sub.alias.test", "alice", "")),
            ("bob", (), ("bob@example.test", "alice@example.test", "")),
            ("carol", ("who@ever.test", "alice@example.test", "carol", ""), ())):
        with world.client(user) as client:
            for sender in refused:
                client.expect(f"MAIL FROM:<{sender}>", 550, "5.7.1")
            for sender in allowed:
                client.expect(f"MAIL FROM:<{sender}>", 250)
                client.expect("RCPT TO:<x@elsewhere.test>", 250)
                client.expect("RSET", 250)
    with world.client() as client:  # nobody: any sender, and no way out
        client.expect("MAIL FROM:<alice@example.test>", 250)
        client.expect("RCPT TO:<x@elsewhere.test>", 550)
        client.expect("RCPT TO:<alice@example.test>", 250)


@case()
def senders_of_a_program(t):
    """The same from a table program, which may fail."""
    path, rows = t.path("table_program.py"), t.path("rows")
    shutil.copy(os.path.join(os.path.dirname(table_program.__file__), "table_program.py"), path)
    os.chmod(path, 0o755)
    with open(rows, "w", encoding="utf-8") as file:
        file.write("mailaddrmap alice=alice@example.test\nmailaddrmap bob=!error\n")
    os.chmod(rows, 0o644)
    world = Authenticated(t, "auth <creds> senders <allowed>",
                          senders=f'table allowed "proc:{path} {rows}"')
    with world.client("alice") as client:
        client.expect("MAIL FROM:<bob@example.test>", 550, "5.7.1")
        client.expect("MAIL FROM:<alice@example.test>", 250)
    with world.client("bob") as client:
        client.expect("MAIL FROM:<bob@example.test>", 451)
    with world.client("carol") as client:
        client.expect("MAIL FROM:<carol@example.test>", 550, "5.7.1")


@case()
def masquerade(t):
    """From shows the sender of the envelope, whatever it said; nobody else's mail is touched."""
    world = Authenticated(t, "auth-optional <creds> senders <allowed> masquerade")
    written = (b"From: \"The Boss\" <boss@example.test>\r\nTo: bob\r\nSubject: s\r\nDate: d\r\n"
               b"Message-ID: <m@n>\r\n\r\nFrom: text\r\n")
    shown = (b"From: \"The Boss\" <alice+x@example.test>\r\nTo: bob@mx.example.test\r\n"
             b"Subject: s\r\nDate: d\r\nMessage-ID: <m@n>\r\n\r\nFrom: text\r\n")
    for number, (user, sender, sent, expected) in enumerate((
            ("alice", "alice+x@example.test", written, shown),
            ("alice", "alice@example.test", b"From: a <b\r\n" + written.split(b"\r\n", 1)[1],
             b"From: alice@example.test\r\n" + shown.split(b"\r\n", 1)[1]),
            ("carol", "", written, written.replace(b"To: bob", b"To: bob@mx.example.test")),
            (None, "alice@example.test", written, written))):
        with world.client(user) as client:
            client.expect(f"MAIL FROM:<{sender}>", 250)
            client.expect("RCPT TO:<x@example.test>", 250)
            smtp.check(client.data(sent), 250)
            client.quit()
        t.equal(last_content(world.daemon, number + 1), expected, f"{user} as {sender}")

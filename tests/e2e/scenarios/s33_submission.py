"""Submission: what the server completes for those who submit mail, and for nobody else."""
import os
import re
import socket
import time

from harness import maildir, messages, smtp
from harness.case import case

submission_address = "127.0.0.33"  # its port 587 belongs to these cases
first_uid = 20001                  # of a user that no system knows

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

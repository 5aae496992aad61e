"""Other servers: Ringpost relays to Postfix, Exim and OpenSMTPD, and each of them back to Ringpost.
Everything arrives once and as it was sent."""
import collections
import hashlib
import random

from harness import dkim_mail, mail, maildir, messages, peers
from harness.case import case

sender = "bob@example.test"
users = ["alice", "bob", "carol"]
recipients = ("alice@example.test", "carol@example.test")
kinds = ("plain", "long_lines", "dotted", "eight_bit", "utf8_header", "encoded_header",
         "folded_header", "long_header", "alternative", "nested", "forwarded", "attachment",
         "large_attachment", "empty_body", "blank_lines", "trailing_blanks", "from_lines",
         "block_edges")


def chain(t, kind, **options):
    """(front, behind): mail to the first goes to a server of that kind and from it to the second."""
    behind = t.daemon(users=users, **options)
    peer = kind(t, behind.port)
    front = t.daemon(text=f"""queue retry-interval 200ms
listen on 127.0.0.1 port {{port}} hostname front.test
action "out" relay host "127.0.0.1:{peer.port}"
match from any for any action "out"
""")
    return front, behind


def samples(t):
    """Two of each kind of message that is mail, all of them in the long run."""
    counted = collections.Counter()
    for sample in messages.generated():
        kind = sample.name.rpartition("-")[0]
        counted[kind] += 1
        if kind in kinds and (t.long or counted[kind] <= 2):
            yield sample


def content_of(message, hops=2):
    """What was sent, without the trace field of each server before the last one."""
    content = message.content
    for _ in range(hops):
        content = maildir.take_field(content, b"Received", message.path)[1]
    return content


def through(t, kind):
    """All samples to two recipients each: every one arrives at both, once, octet by octet."""
    front, behind = chain(t, kind)
    sent = {}
    for number, sample in enumerate(samples(t)):
        body = " BODY=8BITMIME" if any(octet > 127 for octet in sample.content) else ""
        mail.send(front, number, *recipients, sender=sender, content=sample.content, mail=body)
        sent[hashlib.sha256(sample.content).digest()] = sample.name
    signed, key = dkim_mail.sign(t, messages.header(random.Random(1), 1)
                                 + b"\r\n.signed\r\n\r\ntrailing \t\r\n\r\n")
    mail.send(front, "signed", *recipients, sender=sender, content=signed)
    sent[hashlib.sha256(signed).digest()] = "signed"
    for user in ("alice", "carol"):
        arrived = behind.wait_delivered(len(sent), user, 50)
        found = collections.Counter(hashlib.sha256(content_of(one)).digest() for one in arrived)
        changed = [one.path for one in arrived
                   if hashlib.sha256(content_of(one)).digest() not in sent]
        t.equal(changed, [], f"changed for {user}")
        missing = [name for digest, name in sent.items() if found[digest] != 1]
        t.equal(missing, [], f"not arrived once for {user}")
        good = [one for one in arrived if dkim_mail.verifies(one.content, key)]
        t.equal(len(good), 1, "signed messages that verify")
    front.wait_queue_empty()
    t.equal(behind.delivered("bob"), [], "reports to the sender")
    t.note(f"{2 * len(sent)} copies of {len(sent)} messages")


def wishes(t, kind):
    """RFC 3461 over three servers: a report where one was asked for, none where it was forbidden."""
    front, behind = chain(t, kind)
    mail.send(front, 1, "alice@example.test", sender=sender, mail=" RET=HDRS ENVID=one",
              rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@example.test")
    mail.send(front, 2, "nobody@example.test", sender=sender, rcpt=" NOTIFY=NEVER")
    mail.send(front, 3, "nobody@example.test", sender=sender, rcpt=" NOTIFY=FAILURE")
    behind.wait_delivered(1)
    place = behind.maildir_of("bob")
    t.eventually(lambda: maildir.count(place) >= 2, "two reports", 30)
    front.wait_queue_empty()
    behind.wait_queue_empty()
    reports = []
    for path in maildir.files(place):
        with open(path, "rb") as file:
            reports.append(file.read())
    t.equal(len(reports), 2, "reports")
    t.true(all(report.startswith(b"Return-Path: <>\n") for report in reports), "no sender")
    text = b"\n".join(reports)
    t.equal(text.count(b"\nAction: delivered"), 1, "delivered")
    t.equal(text.count(b"\nAction: failed"), 1, "failed")
    t.equal(text.count(b"\nOriginal-Envelope-Id: one\n"), 1, "the envelope's own id")


@case(seconds=120)
def postfix(t):
    """Postfix between two of ours."""
    through(t, peers.Postfix)


@case(seconds=120)
def exim(t):
    """Exim between two of ours."""
    through(t, peers.Exim)


@case(seconds=120)
def opensmtpd(t):
    """OpenSMTPD between two of ours."""
    through(t, peers.OpenSMTPD)


@case(seconds=60)
def wishes_by_postfix(t):
    wishes(t, peers.Postfix)


@case(seconds=60)
def wishes_by_exim(t):
    wishes(t, peers.Exim)


@case(seconds=60)
def wishes_by_opensmtpd(t):
    wishes(t, peers.OpenSMTPD)


foreign = "grüße@example.test"


def utf8(t, kind, delivered):
    """RFC 6531: an address beyond ASCII goes over where the server knows of it, and fails at once
    where it does not."""
    front, behind = chain(t, kind, virtual={foreign: "alice"})
    mail.send(front, 1, foreign, sender=sender, mail=" SMTPUTF8 BODY=8BITMIME",
              content="Subject: Grüße\r\n\r\nGrüße\r\n".encode())
    place = behind.maildir_of("alice")
    results = t.eventually(lambda: front.events("attempt.finished"), "an attempt", 20)
    if not delivered:
        t.equal((results[0]["result"], results[0]["status"]), ("failed", "5.6.7"))
        return
    t.eventually(lambda: maildir.count(place) == 1, "the message", 20)
    [message] = behind.delivered()
    t.equal(message.delivered_to, foreign)
    t.equal(content_of(message), "Subject: Grüße\r\n\r\nGrüße\r\n".encode())


@case(seconds=60)
def utf8_by_postfix(t):
    utf8(t, peers.Postfix, True)


@case(seconds=60)
def utf8_by_exim(t):
    utf8(t, peers.Exim, True)


@case(seconds=60)
def utf8_by_opensmtpd(t):
    utf8(t, peers.OpenSMTPD, False)

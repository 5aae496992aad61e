"""The whole server of docs/guide.md: Ringpost, rspamd, SenderScore, Dovecot, and its DNS by nsd."""
import base64
import imaplib
import os
import ssl
import time

from harness import dkim_mail, guide, maildir, smtp, tls_server
from harness.case import case

clean, nameless, dynamic, liar = (f"192.0.2.{number}" for number in (10, 11, 12, 13))
blocked, junk, fine = (f"192.0.2.{number}" for number in (14, 15, 16))
user_elsewhere, sink_address = "198.51.100.77", "198.51.100.25"

zones = {
    "2.0.192.in-addr.arpa": [
        "10 PTR good.client.example.", "12 PTR a.dyn.client.example.",
        "13 PTR liar.client.example.", "14 PTR blocked.client.example.",
        "15 PTR junk.client.example.", "16 PTR fine.client.example."],
    "client.example": [
        f"good A {clean}", f"a.dyn A {dynamic}", "liar A 192.0.2.99", f"blocked A {blocked}",
        f"junk A {junk}", f"fine A {fine}", '@ TXT "v=spf1 ip4:192.0.2.0/24 -all"',
        "@ MX 0 good"],
    "score.senderscore.com": [
        "10.2.0.192 A 127.0.4.99", "14.2.0.192 A 127.0.4.9", "15.2.0.192 A 127.0.4.60",
        "16.2.0.192 A 127.0.4.70"],
    "elsewhere.example": ["@ MX 0 mx", f"mx A {sink_address}"],
}

gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
prose = ("The baker keeps the keys of the mill since last autumn, and nobody but the miller has asked\r\n"
         "for them. Please write to both before the market on Thursday, so that the flour is ground\r\n"
         "in time and the children can carry it home across the old bridge.\r\n")


def mail(subject, text=prose, sender="carol@client.example", to="alice@example.org"):
    """A message with nothing wrong in its header."""
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    return (f"From: Carol <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {stamp}\r\n"
            f"Message-ID: <{subject.replace(' ', '.')}@{sender.partition('@')[2]}>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
            f"{text}").encode()


def connect(server, source, port=25, **options):
    with server.world():
        return smtp.Client(guide.address, port, source=source, timeout=60, **options)


def send(server, source, content, name="good.client.example"):
    """The reply to the end of a message for alice."""
    with connect(server, source) as client:
        client.hello(name)
        return client.transaction(content, sender="carol@client.example",
                                  recipients=["alice@example.org"])


def subjects(folder):
    found = {}
    for path in maildir.files(folder):
        with open(path, "rb") as file:
            text = file.read()
        found[text.partition(b"Subject: ")[2].partition(b"\n")[0].decode().strip()] = text
    return found


def expect_refusals(t, server):
    """Each with the words that the configuration has, instead of a greeting, and the end."""
    for source, wanted in ((nameless, "550 no rDNS is so 80s"),
                           (dynamic, "550 no residential connections"),
                           (liar, "550 no FCrDNS is so 80s"),
                           (blocked, "550 your IP reputation is too low for this MX")):
        with connect(server, source, banner=False) as client:
            t.equal(str(client.reply()), wanted, source)
            t.true(client.at_end(), f"{source} is cut off")


def expect_reception(t, server):
    """What rspamd says of content: nothing, refuse it, put it off, junk."""
    inbox, junk_folder = server.maildir(), os.path.join(server.maildir(), ".Junk")
    t.equal(send(server, clean, mail("A clean one")).code, 250)
    t.eventually(lambda: "A clean one" in subjects(inbox), "the clean message is in the inbox", 30)
    refused = send(server, clean, mail("A test", prose + gtube + "\r\n"))
    t.equal(refused.code, 550, str(refused))

    middling = prose.join(["To: <alice@example.org>\r\nSubject: A middling one\r\n\r\n", ""]).encode()
    first = send(server, clean, middling)
    t.equal(first.code, 451, str(first))
    time.sleep(2)  # greylisting of the test takes one second
    second = send(server, clean, middling)
    t.equal(second.code, 250, str(second))
    t.eventually(lambda: "A middling one" in subjects(junk_folder), "a middling score is junk", 30)
    text = subjects(junk_folder)["A middling one"]
    t.true(b"\nX-Spam: yes\n" in text and b"\nX-Spam-Score: " in text, text)
    t.equal(list(subjects(inbox)), ["A clean one"], "the inbox")


def expect_scores(t, server):
    """SenderScore by the DNS: below 70 a client is slow, and its mail junk; 70 is enough."""
    junk_folder = os.path.join(server.maildir(), ".Junk")
    begun = time.monotonic()
    t.equal(send(server, junk, mail("Of a bad house"), "junk.client.example").code, 250)
    slow = time.monotonic() - begun
    t.eventually(lambda: "Of a bad house" in subjects(junk_folder), "junk by its sender", 30)
    t.true(slow > 2 * 3, f"5000 ms * (100 - 60) / 100 for each reply: {slow:.1f} s")
    t.equal(send(server, fine, mail("Of a fair house"), "fine.client.example").code, 250)
    t.eventually(lambda: "Of a fair house" in subjects(server.maildir()), "70 is not junk", 30)


def expect_submission(t, server):
    """From elsewhere by TLS and with a password; what leaves is signed, and encrypted again."""
    certificate, key = server.authority.issue("sink", ["mx.elsewhere.example"])
    with server.world():
        sink = tls_server.TlsServer(t, certificate, key, address=(sink_address, 25))
    context = ssl.create_default_context(cafile=server.authority.certificate)
    content = mail("An order", sender="alice@example.org", to="dave@elsewhere.example")
    with connect(server, user_elsewhere, port=587) as client:
        client.hello()
        client.expect("MAIL FROM:<alice@example.org>", 530)
        client.start_tls(context, guide.host)
        client.expect("MAIL FROM:<alice@example.org>", 530)
        plain = base64.b64encode(f"\0alice\0{guide.password}".encode()).decode()
        client.expect("AUTH PLAIN " + plain, 235)
        client.envelope("alice@example.org", ["dave@elsewhere.example"])
        t.equal(client.data(content).code, 250)
        client.quit()
    t.eventually(lambda: sink.messages, "the order arrives elsewhere", 60)
    arrived = sink.messages[0]
    t.equal(arrived["hello"], guide.host, "the name of the action")
    t.true(arrived["tls"] is not None, "encrypted")
    dkim_mail.library(t)
    t.true(b"d=example.org" in arrived["content"] and b"s=" + guide.selector.encode()
           in arrived["content"], arrived["content"])
    t.true(dkim_mail.verifies(arrived["content"], server.record.encode()), arrived["content"])
    with connect(server, user_elsewhere, banner=False) as client:
        t.equal(client.reply().code, 550, "a user's address is no server's")


def move(session, subject, source, target):
    """One message by its subject from a folder to another."""
    session.select(source)
    _, (numbers,) = session.search(None, "SUBJECT", f'"{subject}"')
    status, answer = session.copy(numbers.split()[0], target)
    if status != "OK":
        raise AssertionError(f"COPY to {target}: {answer}")
    session.store(numbers.split()[0], "+FLAGS", r"\Deleted")
    session.expunge()


def expect_training(t, server):
    """What a reader moves to Junk is learned as spam, what comes out of it as ham."""
    context = ssl.create_default_context(cafile=server.authority.certificate)
    context.check_hostname = False
    with server.world():
        session = imaplib.IMAP4(guide.address, 143, timeout=60)
    session.starttls(context)
    session.login("alice", guide.password)

    def learned(kind):
        return f"learned message as {kind}" in server.file("/var/log/rspamd/rspamd.log")

    t.true(not learned("spam") and not learned("ham"), "nothing is learned before")
    move(session, "A clean one", "INBOX", "Junk")
    t.eventually(lambda: learned("spam"), "spam is learned: " + server.log("dovecot"), 30)
    t.true(not learned("ham"), "only spam")
    move(session, "A clean one", "Junk", "INBOX")
    t.eventually(lambda: learned("ham"), "ham is learned", 30)
    session.logout()


@case(seconds=300)
def the_whole_server(t):
    """Who is refused, what is junk, what is signed, what is learned: as the page has it."""
    server = guide.Guide(t, zones)
    expect_refusals(t, server)
    expect_reception(t, server)
    expect_scores(t, server)
    expect_submission(t, server)
    expect_training(t, server)

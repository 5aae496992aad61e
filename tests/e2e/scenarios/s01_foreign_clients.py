"""Clients that know nothing of Ringpost deliver through it, and what they sent arrives whole."""
import email.message
import os
import smtplib
import subprocess

from harness import messages, programs, smtp
from harness.case import case


@case()
def swaks_delivers(t):
    """swaks: the 250 names the id that the delivered file carries in its Received field."""
    swaks = programs.swaks(t)
    daemon = t.daemon()
    content = t.path("message")
    with open(content, "wb") as file:
        # swaks adds the last line end
        file.write(b"Subject: from swaks\n\n.first line is a dot\nsecond line")
    done = subprocess.run(
        [swaks, "--server", f"127.0.0.1:{daemon.port}", "--from", "sender@client.test",
         "--to", "alice@example.test", "--helo", "swaks.client.test", "--data", "@" + content],
        capture_output=True, text=True, timeout=30, check=False)
    t.equal(done.returncode, 0, done.stdout + done.stderr)
    final = [line for line in done.stdout.splitlines() if line.startswith("<-  250 2.0.0")]
    t.true(final, "a 250 2.0.0 in\n" + done.stdout)
    message = daemon.wait_delivered(1)[0]
    t.true(message.queue_id in final[-1], f"{message.queue_id} in {final[-1]!r}")
    t.equal(message.return_path, "<sender@client.test>")
    t.equal(message.delivered_to, "alice@example.test")
    t.true(b"swaks.client.test" in message.received, "the HELO name stands in Received")
    t.equal(message.content,
            b"Subject: from swaks\r\n\r\n.first line is a dot\r\nsecond line\r\n", "content")


@case()
def smtplib_delivers(t):
    """Python's smtplib, with a UTF-8 body, two recipients and several messages per session."""
    daemon = t.daemon()
    message = email.message.EmailMessage()
    message["From"], message["To"] = "sender@client.test", "alice@example.test"
    message["Subject"] = "Grüße"
    message.set_content("Größe: 10 €\n.\n..\n", cte="8bit")
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=20) as client:
        for _ in range(3):
            refused = client.send_message(message, from_addr="sender@client.test",
                                          to_addrs=["alice@example.test", "bob@example.test"])
            t.equal(refused, {}, "refused recipients")
        t.true(client.has_extn("pipelining") and client.has_extn("chunking"), "extensions")
    for user in ("alice", "bob"):
        for delivered in daemon.wait_delivered(3, user):
            t.true("Größe: 10 €\r\n.\r\n..\r\n".encode() in delivered.content, "body")
            t.equal(delivered.delivered_to, f"{user}@example.test")


@case(seconds=120)
def smtp_source_delivers(t):
    """Postfix's smtp-source: 20 sessions, 400 messages, 4 KiB each, none lost."""
    program, libraries = programs.smtp_source(t)
    daemon = t.daemon()
    environment = dict(os.environ, LD_LIBRARY_PATH=libraries)
    done = subprocess.run(
        [program, "-s", "20", "-m", "400", "-d", "-l", "4096", "-f", "sender@client.test",
         "-t", "alice@example.test", f"127.0.0.1:{daemon.port}"],
        capture_output=True, text=True, timeout=100, check=False, env=environment)
    t.equal(done.returncode, 0, done.stdout + done.stderr)
    delivered = daemon.wait_delivered(400, seconds=60)
    t.equal(len(delivered), 400, "delivered")
    t.equal(len({message.queue_id for message in delivered}), 400, "different ids")
    for message in delivered:
        t.true(4000 < len(message.content) < 5000, f"{message.path}: {len(message.content)}")


@case()
def raw_socket_in_single_octets(t):
    """A whole session, cut into one octet a segment, is the same session."""
    daemon = t.daemon()
    content = messages.simple(1) + b".\r\n..\r\n"
    session = (b"EHLO octets.client.test\r\nMAIL FROM:<sender@client.test>\r\n"
               b"RCPT TO:<alice@example.test>\r\nDATA\r\n", smtp.stuffed(content))
    with daemon.client() as client:
        for octet in session[0]:
            client.send(bytes([octet]))
        for code in (250, 250, 250, 354):
            client.expect_reply(code)
        for octet in session[1]:
            client.send(bytes([octet]))
        client.expect_reply(250, "2.0.0")
        client.quit()
    t.equal(daemon.wait_delivered(1)[0].content, content, "content")


@case()
def received_and_trace_fields(t):
    """The three fields that are added, for every way a client can name itself and its sender."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.expect("HELO old.client.test", 250)
        t.equal(client.transaction(messages.simple(1), sender="").code, 250)
        client.hello("[127.0.0.1]")
        t.equal(client.transaction(messages.simple(2), sender="a+b@client.test").code, 250)
        client.quit()
    delivered = {m.content: m for m in daemon.wait_delivered(2)}
    first, second = delivered[messages.simple(1)], delivered[messages.simple(2)]
    t.equal(first.return_path, "<>")
    t.equal(second.return_path, "<a+b@client.test>")
    t.true(b" with SMTP " in b" ".join(first.received.split()) + b" ", "HELO: with SMTP")
    t.true(b" with ESMTP " in b" ".join(second.received.split()) + b" ", "EHLO: with ESMTP")
    for message in (first, second):
        text = b" ".join(message.received.split())
        t.true(b"by mx.example.test" in text, "by the listener's name")
        t.true(b"127.0.0.1" in text, "the client's address")
        t.true(b"for <alice@example.test>" in text, "the only recipient")


@case()
def the_name_of_the_address_that_is_connected_to(t):
    """hostnames: one listener on all addresses, and each address has its name, or the listener's."""
    daemon = t.daemon(text="""\
table addresses { "alice@example.test" = "alice" }
table base { "alice" = "{owner}:{mail}/alice" }
listen on all inet4 port {port} hostname any.example.test hostnames { \
    "127.0.0.2" = two.example.test, "127.0.0.3" = three.example.test }
action "local" maildir "{mail}/alice/Maildir" virtual <addresses> userbase <base>
match from any for any action "local"
""")
    names = {"127.0.0.1": b"any", "127.0.0.2": b"two", "127.0.0.3": b"three"}

    def expect_names():
        for address, name in names.items():
            with smtp.Client(address, daemon.port) as client:
                t.true(name + b".example.test" in client.banner.raw, f"banner at {address}")
                hello = client.hello()
                t.true(name + b".example.test" in hello.raw, f"EHLO at {address}")
                t.equal(client.transaction(messages.simple(1)).code, 250)
    expect_names()
    received = [b" ".join(one.received.split()) for one in daemon.wait_delivered(3)]
    for name in names.values():
        t.equal(sum(b"by " + name + b".example.test" in one for one in received), 1, f"by {name}")
    names["127.0.0.2"], names["127.0.0.3"] = b"any", b"drei"
    daemon.text = daemon.text.replace('"127.0.0.2" = two.example.test, ', "").replace(
        "three.example.test", "drei.example.test")
    daemon.write_configuration()
    daemon.control_ok("reload")
    expect_names()


@case()
def helo_text_cannot_break_the_received_field(t):
    """Parentheses, quotes and 8-bit octets in HELO leave one well-formed Received field."""
    daemon = t.daemon()
    names = ["a)b(c", 'x"y', "a;b", "x" * 200, "ü.test", "a\tb", "[IPv6:::1]", "-"]
    accepted = 0
    for name in names:
        with daemon.client() as client:
            if client.command("EHLO " + name).code == 250:
                t.equal(client.transaction(messages.simple(accepted)).code, 250)
                accepted += 1
    t.note(f"{accepted} of {len(names)} odd names accepted")
    delivered = daemon.wait_delivered(accepted)
    t.equal(sorted(m.content for m in delivered),
            sorted(messages.simple(number) for number in range(accepted)), "contents")

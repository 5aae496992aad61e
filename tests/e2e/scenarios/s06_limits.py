"""Each named limit refuses with its own reply, and nothing that was refused is delivered."""
import time

from harness import messages, smtp
from harness.case import case


@case()
def connections(t):
    """One connection too many is told 421 and closed; a place that becomes free is usable."""
    daemon = t.daemon(directives=["engine cores 1", "smtp limit max-connections 5",
                                  "smtp limit max-connections-per-address 100"])
    daemon.wait_no_session()
    held = [daemon.client() for _ in range(5)]
    with daemon.client(banner=False) as refused:
        refused.expect_reply(421, "4.7.0")
        t.true(refused.at_end(), "closed after the 421")
    held.pop().quit()
    t.eventually(lambda: greeted(daemon), "a free place is given away")
    for client in held:
        client.expect("NOOP", 250)
    t.eventually(lambda: daemon.events("connection.refused"), "connection.refused in the log")


def greeted(daemon):
    with daemon.client(banner=False) as client:
        return client.reply().code == 220


@case()
def connections_per_address(t):
    """The limit counts each client address on its own, over all cores."""
    daemon = t.daemon(directives=["smtp limit max-connections-per-address 3"])
    daemon.wait_no_session()
    held = [daemon.client(source="127.0.0.2") for _ in range(3)]
    with daemon.client(source="127.0.0.2", banner=False) as refused:
        refused.expect_reply(421, "4.7.0")
        t.true(refused.at_end(), "closed after the 421")
    with daemon.client(source="127.0.0.3") as other:
        other.hello()
    for client in held:
        client.quit()
    t.eventually(lambda: greeted(daemon), "places are given back")
    with daemon.client(source="127.0.0.2") as again:
        again.hello()


@case()
def recipients(t):
    """One recipient too many is 452 4.5.3; the message goes to those accepted before."""
    daemon = t.daemon(directives=["smtp limit max-rcpt 3"], virtual={"@example.test": "alice"})
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        for number in range(3):
            client.expect(f"RCPT TO:<r{number}@example.test>", 250, "2.1.5")
        client.expect("RCPT TO:<r3@example.test>", 452, "4.5.3")
        smtp.check(client.data(messages.simple(1)), 250, "2.0.0")
    t.equal(sorted(m.delivered_to for m in daemon.wait_delivered(3)),
            [f"r{number}@example.test" for number in range(3)])


@case()
def messages_per_session(t):
    """After max-mails messages the next MAIL ends the session with 421."""
    daemon = t.daemon(directives=["smtp limit max-mails 2"])
    with daemon.client() as client:
        client.hello()
        for number in range(2):
            smtp.check(client.transaction(messages.simple(number)), 250, "2.0.0")
        reply = client.command("MAIL FROM:<sender@client.test>")
        smtp.check(reply, 421, "4.7.0")
        t.true(client.at_end(), "closed after the 421")
    t.equal(len(daemon.wait_delivered(2)), 2)


@case()
def size_at_mail(t):
    """A SIZE larger than the limit is refused at MAIL; EHLO names the limit."""
    daemon = t.daemon(directives=["smtp max-message-size 64K"])
    with daemon.client() as client:
        t.true("SIZE 65536" in client.hello().lines, "EHLO announces SIZE 65536")
        client.expect("MAIL FROM:<sender@client.test> SIZE=65537", 552, "5.3.4")
        client.expect("MAIL FROM:<sender@client.test> SIZE=65536", 250)


@case()
def size_while_reading(t):
    """A client that lies about SIZE is refused at the end of data, by BDAT too."""
    daemon = t.daemon(directives=["smtp max-message-size 64K"])
    big = messages.simple(1, 1_000_000)
    with daemon.client() as client:
        client.hello()
        client.envelope(parameters=" SIZE=10")
        smtp.check(client.data(big), 552, "5.3.4")
        client.envelope()
        client.send(b"BDAT %d LAST\r\n" % len(big) + big)
        client.expect_reply(552, "5.3.4")
        smtp.check(client.transaction(messages.simple(2)), 250, "2.0.0")
    t.equal(daemon.wait_delivered(1)[0].content, messages.simple(2))
    t.equal(len(daemon.delivered()), 1)


@case()
def command_line_too_long(t):
    """A command line without end is refused once, swallowed, and never grows memory."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
        used = []
        for _ in range(7):  # the first ones make the receive buffers come into memory
            client.send(b"NOOP " + b"x" * 8_000_000 + b"\r\n")
            client.expect_reply(500, "5.5.2")
            used.append(daemon.memory())
        t.true(t.sanitized() or used[-1] - used[-2] < 1_000_000, f"memory grows: {used}")
        client.expect("NOOP", 250)


@case()
def long_text_lines(t):
    """Text lines far above 998 octets, as some programs send them, pass unchanged."""
    daemon = t.daemon()
    content = messages.simple(1) + b"y" * 500_000 + b"\r\n"
    with daemon.client() as client:
        client.hello()
        smtp.check(client.transaction(content), 250, "2.0.0")
    t.true(daemon.wait_delivered(1)[0].content == content, "content")


@case()
def idle_timeout(t):
    """An idle session is told 421 4.4.2; one that talks is left alone."""
    daemon = t.daemon(directives=["smtp limit idle-timeout 2s"])
    with daemon.client() as idle, daemon.client() as busy:
        started = time.monotonic()
        for _ in range(4):
            busy.expect("NOOP", 250)
            time.sleep(0.9)
        idle.expect_reply(421, "4.4.2")
        t.true(idle.at_end(), "closed after the 421")
        busy.expect("NOOP", 250)
        t.true(time.monotonic() - started < 10, "in time")


@case()
def idle_timeout_in_the_middle_of_data(t):
    """A client that stops inside its message is told 421, and nothing of it is delivered."""
    daemon = t.daemon(directives=["smtp limit idle-timeout 2s"])
    with daemon.client() as client:
        client.hello()
        client.envelope()
        client.expect("DATA", 354)
        client.send(b"Subject: never finished\r\n\r\nhello")
        client.expect_reply(421, "4.4.2")
        t.true(client.at_end(), "closed")
    t.equal(daemon.queue(), [], "queue")
    t.equal(daemon.delivered(), [], "delivered")


@case()
def session_timeout(t):
    """The total time of a session is bounded, however busy it is."""
    daemon = t.daemon(directives=["smtp limit session-timeout 3s"])
    with daemon.client() as client:
        started = time.monotonic()
        reply = client.command("NOOP")
        while reply.code == 250 and time.monotonic() - started < 10:
            time.sleep(0.1)
            try:
                reply = client.command("NOOP")
            except BrokenPipeError:
                reply = client.reply()
        smtp.check(reply, 421, "4.4.2")
        t.true(2 < time.monotonic() - started < 8, "after about 3 s")


@case()
def errors_per_session(t):
    """After max-errors errors the session ends with 421 4.7.0."""
    daemon = t.daemon(directives=["smtp limit max-errors 5"])
    with daemon.client() as client:
        codes = []
        while not codes or codes[-1] != 421:
            t.true(len(codes) < 10, f"an end after 5 errors, not {codes}")
            codes.append(client.command("NONSENSE").code)
        t.equal(codes[:4], [500] * 4)
        t.true(client.at_end(), "closed after the 421")


@case()
def received_loop(t):
    """100 Received fields pass, one more is a loop: 554 5.4.6."""
    daemon = t.daemon()
    field = b"Received: from a.test by b.test; Mon, 23 Nov 2026 00:00:00 +0000\r\n"
    with daemon.client() as client:
        client.hello()
        smtp.check(client.transaction(field * 100 + messages.simple(1)), 250, "2.0.0")
        for mode in ("data", "bdat"):
            smtp.check(client.transaction(field * 101 + messages.simple(2), mode), 554, "5.4.6")
        t.equal(client.transaction(messages.simple(3) + field * 200).code, 250, "in the body")
    t.equal(len(daemon.wait_delivered(2)), 2)


@case()
def command_order(t):
    """Commands out of order, unknown ones and bad arguments, each with its reply."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.expect("RCPT TO:<alice@example.test>", 503, "5.5.1")
        client.hello()
        for line, code, enhanced in (
                ("DATA", 503, "5.5.1"), ("BDAT 5", 503, "5.5.1"), ("WIZARD", 500, "5.5.1"),
                ("MAIL FROM:sender@client.test>", 501, None), ("MAIL", 501, None),
                ("MAIL FROM:<a@b.test> NOSUCH=1", 555, "5.5.4"), ("VRFY alice", 252, None),
                ("EXPN staff", 502, "5.5.1"), ("NOOP", 250, None), ("RSET", 250, None),
                ("HELP", 214, None), ("STARTTLS", 502, "5.5.1"), ("AUTH PLAIN", 502, "5.5.1")):
            if line.startswith("BDAT"):
                client.send(b"BDAT 5\r\nhello")
                client.expect_reply(code, enhanced)
            else:
                client.expect(line, code, enhanced)
        client.expect("MAIL FROM:<sender@client.test>", 250)
        client.expect("MAIL FROM:<sender@client.test>", 503, "5.5.1")
        client.expect("DATA", 554, "5.5.1")
        client.quit()


@case()
def second_hello_resets(t):
    """EHLO in the middle of a transaction starts afresh (RFC 5321 4.1.4)."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
        client.envelope()
        client.hello("again.client.test")
        client.expect("DATA", 503, "5.5.1")
        smtp.check(client.transaction(messages.simple(1)), 250, "2.0.0")
    t.equal(len(daemon.wait_delivered(1)), 1)


@case()
def extensions(t):
    """EHLO offers exactly what is there; HELO offers nothing."""
    daemon = t.daemon()
    with daemon.client() as client:
        offered = {line.split()[0] for line in client.hello().lines[1:]}
        t.equal(offered, {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
                          "DSN", "CHUNKING", "HELP"})
        client.expect("MAIL FROM:<grüße@client.test> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=x+2B1",
                      250)
        client.expect("RCPT TO:<alice@example.test> NOTIFY=SUCCESS,FAILURE "
                      "ORCPT=rfc822;alice@example.test", 250)
        smtp.check(client.data(messages.simple(1)), 250, "2.0.0")
        t.equal(len(client.expect("HELO old.client.test", 250).lines), 1)
    t.equal(daemon.wait_delivered(1)[0].return_path, "<grüße@client.test>")

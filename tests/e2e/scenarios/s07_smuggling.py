"""Line ends that are not CRLF never end a command, a line or the data (SMTP smuggling)."""
from harness import messages, smtp
from harness.case import case

# What some servers take for the end of data. Only CRLF . CRLF is; CR CRLF . CRLF is not in the
# list, because it holds the true end, which every server sees.
false_ends = {
    "LF . LF": b"\n.\n", "LF . CRLF": b"\n.\r\n", "CRLF . LF": b"\r\n.\n", "CR . CR": b"\r.\r",
    "CRLF . CR": b"\r\n.\r", "CR . CRLF": b"\r.\r\n", "LF . CR": b"\n.\r", "CR . LF": b"\r.\n",
    "CRLF . CRCRLF": b"\r\n.\r\r\n", "CR CR . CR CR": b"\r\r.\r\r",
    "CRLF NUL . CRLF": b"\r\n\0.\r\n", "CRLF . NUL CRLF": b"\r\n.\0\r\n"}

smuggled = (b"MAIL FROM:<forged@bank.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nforged\r\n.\r\n")

has_no_bare_line_end = ("CRLF NUL . CRLF", "CRLF . NUL CRLF")


def attempt(client, octets):
    """Send content that holds a false end and a second message behind it; the one true reply."""
    client.envelope()
    client.expect("DATA", 354)
    client.send(b"Subject: outer\r\n\r\nouter" + octets)
    return client.reply()


@case()
def no_false_end_of_data(t):
    """One DATA, one reply, nothing for the recipient of the hidden envelope."""
    daemon = t.daemon()
    for name, false_end in false_ends.items():
        with daemon.client() as client:
            client.hello()
            reply = attempt(client, false_end + smuggled)
            if name in has_no_bare_line_end:
                t.true(reply.code in (250, 554), f"{name}: {reply!r}")
            else:
                smtp.check(reply, 554, "5.6.0", name)
            t.true(client.silent(0.05), f"{name}: a second reply")
            client.expect("NOOP", 250)
    t.equal(daemon.delivered("bob"), [], "smuggled messages")
    for message in daemon.delivered():
        t.true(b"smuggled" in message.content, f"{message.path}: whole content in one message")


@case()
def refused_content_is_not_stored(t):
    """With `bare-newline refuse`, the default, nothing of such a message stays."""
    daemon = t.daemon()
    for line_end in (b"a\nb\r\n", b"a\rb\r\n", b"\n", b"\r\r\n", b"a\n\r\n"):
        with daemon.client() as client:
            client.hello()
            client.envelope()
            client.expect("DATA", 354)
            client.send(b"Subject: x\r\n\r\n" + line_end + b"\r\n.\r\n")
            client.expect_reply(554, "5.6.0")
            smtp.check(client.transaction(messages.simple(1)), 250, "2.0.0")
    t.equal([m.content for m in daemon.wait_delivered(5)], [messages.simple(1)] * 5)


@case()
def kept_as_content(t):
    """With `bare-newline keep` a bare CR or LF is an octet of the text like any other."""
    daemon = t.daemon(directives=["smtp bare-newline keep"])
    content = b"Subject: x\r\n\r\na\nb\rc\r\rd\n\ne\r\n"
    with daemon.client() as client:
        client.hello()
        for mode in ("data", "data-in-pieces", "bdat", "bdat-chunks"):
            smtp.check(client.transaction(content, mode), 250, "2.0.0", mode)
    t.equal([m.raw for m in daemon.wait_delivered(4)], [content.replace(b"\r\n", b"\n")] * 4)
    with daemon.client() as client:
        client.hello()
        reply = attempt(client, b"\n.\n" + smuggled)
        t.equal(reply.code, 250)
        t.true(client.silent(0.05), "a second reply")
    t.equal(daemon.delivered("bob"), [], "smuggled messages")


@case()
def bare_line_ends_in_commands(t):
    """A bare LF or CR does not end a command; the line is refused as a whole."""
    daemon = t.daemon()
    for line in (b"NOOP\nNOOP\r\n", b"NOOP\rNOOP\r\n",
                 b"MAIL FROM:<a@client.test>\nRCPT TO:<bob@example.test>\r\n"):
        with daemon.client() as client:
            client.hello()
            client.send(line)
            client.expect_reply(500, "5.5.2")
            t.true(client.silent(0.05), f"{line!r}: a second reply")
    with daemon.client() as client:
        client.send(b"NOOP\n")
        t.true(client.silent(0.2), "a bare LF ends no command")


@case()
def pipelined_data_is_read_as_text(t):
    """Commands sent behind DATA without waiting for 354 are text until CRLF . CRLF."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
        client.send(b"MAIL FROM:<sender@client.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
                    b"RSET\r\n.\r\nNOOP\r\n")
        for code in (250, 250, 354, 250, 250):
            client.expect_reply(code)
    t.equal(daemon.wait_delivered(1)[0].content, b"RSET\r\n")


@case()
def data_refused_keeps_the_text_as_commands(t):
    """When DATA is refused, what follows is commands: the client was told so before."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
        client.send(b"MAIL FROM:<sender@client.test>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n"
                    b"RSET\r\nNOOP\r\n")
        for code in (250, 550, 554, 250, 250):
            client.expect_reply(code)
    t.equal(daemon.queue(), [], "queue")

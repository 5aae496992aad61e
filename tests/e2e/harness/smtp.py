"""A raw SMTP client that shows every reply and can misbehave in every way a case needs."""
import random
import re
import socket
import struct


token_behind = re.compile(r" \[([0-9A-HJKMNP-TV-Z]{8})\]$")


class Reply:
    """One reply: its code and its lines without the code."""

    def __init__(self, raw):
        self.raw = raw
        text = raw.decode("utf-8", "replace").splitlines()
        self.code = int(text[0][:3])
        self.lines = [line[4:] for line in text]

    @property
    def enhanced(self):
        """The enhanced status code (RFC 2034), or an empty string."""
        word = self.lines[-1].split(" ", 1)[0]
        parts = word.split(".")
        return word if len(parts) == 3 and all(part.isdigit() for part in parts) else ""

    @property
    def queue_id(self):
        """The 16 digits of the id that a final 250 names."""
        for word in reversed(self.lines[-1].replace("(", " ").replace(")", " ").split()):
            if len(word) == 16 and all(digit in "0123456789abcdef" for digit in word):
                return word
        raise AssertionError(f"no queue id in {self!r}")

    @property
    def token(self):
        """The token of a decision behind the text of a refusal, or an empty string."""
        found = token_behind.search(self.lines[-1])
        return found.group(1) if found else ""

    def __str__(self):
        """Without the token, which is another one each time."""
        return token_behind.sub("", repr(self))

    def __repr__(self):
        return self.raw.decode("utf-8", "replace").rstrip().replace("\r\n", " | ")


class Closed(Exception):
    """The server closed the connection where a reply was due."""


class Client:
    """One connection. Without banner=False the 220 has been read when the constructor returns."""

    def __init__(self, host, port, timeout=20.0, source=None, banner=True, receive_octets=None,
                 tls=None, server_name=None, session=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_octets:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        if tls:  # from the first octet on
            self.secure(tls, server_name, session)
        self.banner = self.expect_reply(220) if banner else None

    def secure(self, context, server_name=None, session=None):
        """Begin TLS with an ssl.SSLContext, perhaps resuming the session of another client."""
        if self._received:
            raise AssertionError(f"octets in the clear before TLS: {self._received!r}")
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name,
                                          session=session)
        return self

    def start_tls(self, context, server_name=None, session=None):
        """EHLO, STARTTLS, TLS, EHLO."""
        if "STARTTLS" not in self.hello().lines:
            raise AssertionError("STARTTLS is not offered")
        self.expect("STARTTLS", 220)
        self.secure(context, server_name, session)
        self.hello()
        return self

    # Octets

    def send(self, octets):
        self.socket.sendall(octets)

    def reply(self):
        """The next whole reply."""
        lines = b""
        while True:
            line = self._line()
            lines += line
            if len(line) < 4 or not line[:3].isdigit() or line[3:4] not in b" -\r":
                raise AssertionError(f"not a reply line: {line!r}")
            if line[3:4] != b"-":
                return Reply(lines)

    def _line(self):
        while b"\r\n" not in self._received:
            more = self.socket.recv(65536)
            if not more:
                raise Closed(f"connection closed, unread: {self._received!r}")
            self._received += more
        line, _, self._received = self._received.partition(b"\r\n")
        return line + b"\r\n"

    def silent(self, seconds):
        """True when nothing arrives for that long."""
        if self._received:
            return False
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            more = self.socket.recv(65536)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)
        self._received += more
        return False

    def at_end(self):
        """True when the server closes and sends nothing more before that."""
        if self._received:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    # Dialogue

    def command(self, line):
        """Send one command line and return its reply."""
        self.send(line.encode("utf-8") + b"\r\n")
        return self.reply()

    def expect_reply(self, code, enhanced=None):
        reply = self.reply()
        check(reply, code, enhanced)
        return reply

    def expect(self, line, code, enhanced=None):
        """Send a command line; the reply must have this code (and enhanced code)."""
        reply = self.command(line)
        check(reply, code, enhanced, line)
        return reply

    def hello(self, name="client.example.test"):
        return self.expect("EHLO " + name, 250)

    def envelope(self, sender="sender@client.test", recipients=("alice@example.test",),
                 parameters=""):
        """MAIL and RCPT, each of which must be accepted."""
        self.expect(f"MAIL FROM:<{sender}>{parameters}", 250)
        for recipient in recipients:
            self.expect(f"RCPT TO:<{recipient}>", 250)

    def data(self, content):
        """DATA, the content with its dots stuffed, the final dot; returns the last reply."""
        self.expect("DATA", 354)
        self.send(stuffed(content))
        return self.reply()

    def transaction(self, content, mode="data", **envelope):
        """Send one message in the given mode and return the reply to its end."""
        return modes[mode](self, content, **envelope)

    # Ends

    def quit(self):
        reply = self.expect("QUIT", 221)
        if not self.at_end():
            raise AssertionError("the connection stays open after QUIT")
        self.close()
        return reply

    def close(self):
        self.socket.close()

    def reset(self):
        """Close with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()


def check(reply, code, enhanced=None, sent=""):
    if reply.code != code or (enhanced is not None and reply.enhanced != enhanced):
        wanted = f"{code} {enhanced}" if enhanced is not None else f"{code}"
        after = f" to {sent!r}" if sent else ""
        raise AssertionError(f"expected {wanted}{after}, got {reply!r}")


def stuffed(content):
    """Content as DATA carries it, final dot included. Content must end with CRLF or be empty."""
    if content and not content.endswith(b"\r\n"):
        raise ValueError("DATA cannot carry a last line without its line end")
    dots = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if dots.startswith(b".") else b"") + dots + b".\r\n"


# The ways to send a message

def envelope_lines(sender="sender@client.test", recipients=("alice@example.test",),
                   parameters=""):
    lines = [f"MAIL FROM:<{sender}>{parameters}", *(f"RCPT TO:<{to}>" for to in recipients)]
    return [line.encode("utf-8") + b"\r\n" for line in lines]


def by_data(client, content, **envelope):
    client.envelope(**envelope)
    return client.data(content)


def by_data_pipelined(client, content, **envelope):
    """MAIL, RCPT and DATA in one write (RFC 2920)."""
    lines = [*envelope_lines(**envelope), b"DATA\r\n"]
    client.send(b"".join(lines))
    for _ in lines[:-1]:
        client.expect_reply(250)
    client.expect_reply(354)
    client.send(stuffed(content))
    return client.reply()


def by_data_in_pieces(client, content, **envelope):
    """Cut the stuffed content at random places, also inside CRLF and the final dot."""
    client.envelope(**envelope)
    client.expect("DATA", 354)
    octets = stuffed(content)
    place = random.Random(len(octets))
    while octets:
        size = min(len(octets), place.choice((1, 2, 3, 17, 500, 4096, 65536)))
        client.send(octets[:size])
        octets = octets[size:]
    return client.reply()


def chunked(content, sizes):
    """The content as BDAT commands with their chunks, the last one marked."""
    pieces = []
    position = 0
    for size in sizes:
        pieces.append((content[position:position + size], False))
        position += size
    pieces.append((content[position:], True))
    return [b"BDAT %d%s\r\n%s" % (len(piece), b" LAST" if last else b"", piece)
            for piece, last in pieces]


def by_bdat(client, content, **envelope):
    client.envelope(**envelope)
    client.send(chunked(content, ())[0])
    return client.reply()


def by_bdat_chunks(client, content, **envelope):
    """Several chunks, each acknowledged, closed by an empty last one."""
    client.envelope(**envelope)
    third = max(1, len(content) // 3)
    commands = chunked(content, [third] * ((len(content) + third - 1) // third))
    for command in commands[:-1]:
        client.send(command)
        client.expect_reply(250)
    client.send(commands[-1])
    return client.reply()


def by_bdat_pipelined(client, content, **envelope):
    """Envelope and all chunks in one write (RFC 3030)."""
    lines = envelope_lines(**envelope)
    commands = chunked(content, (len(content) // 2, len(content) // 4))
    client.send(b"".join(lines + commands))
    for _ in range(len(lines) + len(commands) - 1):
        client.expect_reply(250)
    return client.reply()


modes = {
    "data": by_data,
    "data-pipelined": by_data_pipelined,
    "data-in-pieces": by_data_in_pieces,
    "bdat": by_bdat,
    "bdat-chunks": by_bdat_chunks,
    "bdat-pipelined": by_bdat_pipelined,
}

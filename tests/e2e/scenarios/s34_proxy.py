"""Listeners behind a proxy: whose address counts, and which connections are turned away."""
import email
import socket
import ssl
import struct
import time

from harness import certificates, maildir, nameserver, smtp
from harness.case import case
from harness.daemon import free_port

signature = b"\r\n\r\n\0\r\nQUIT\n"

rules = """\
match from src 192.0.2.66 for any reject
match from local for any action "local"
match from src { 192.0.2.7, "2001:db8::7" } for domain "example.test" action "local"
"""


class Proxied:
    """A daemon with a listener for proxies beside the plain one."""

    def __init__(self, t, option="proxy-v2", first="", match=rules):
        self.port = free_port()
        self.daemon = t.daemon(users=["alice"], text=(
            f"{first}engine cores 1\n"
            'table users { "@example.test" = "alice" }\n'
            'table base { "alice" = "{owner}:{mail}/alice" }\n'
            "listen on 127.0.0.1 port {port}\n"
            f"listen on 127.0.0.1 port {self.port} hostname mx.example.test {option}\n"
            'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
            f" userbase <base>\n{match}"))

    def client(self, **options):
        return smtp.Client("127.0.0.1", self.port, banner=False, **options)

    def refused(self):
        return self.daemon.events("proxy.refused")

    def closed(self):
        """The sessions of this listener that have ended: those that have another client."""
        return [one for one in self.daemon.events("session.closed") if int(one["commands"])]


def binary(source, command=0x21, transport=None, extras=b"", port=51234):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    transport = transport if transport is not None else (0x21 if ":" in source else 0x11)
    target = "2001:db8::1" if ":" in source else "198.51.100.1"
    addresses = (socket.inet_pton(family, source) + socket.inet_pton(family, target)
                 + struct.pack(">HH", port, 25)) if transport else b""
    rest = addresses + extras
    return signature + bytes([command, transport]) + struct.pack(">H", len(rest)) + rest


def line(source, port=51234):
    family = "TCP6" if ":" in source else "TCP4"
    target = "2001:db8::1" if ":" in source else "198.51.100.1"
    return f"PROXY {family} {source} {target} {port} 25\r\n".encode()


def connect(daemon, header, source=None, **options):
    """A client behind a proxy that sends this header."""
    client = daemon.client(source=source, **options)
    client.send(header)
    client.expect_reply(220)
    return client


def refused(t, daemon, octets, reason, source=None, seconds=3):
    """Nothing comes back for these octets but the end, and the log says why."""
    before = len(daemon.refused())
    with daemon.client(source=source) as client:
        if octets:
            client.send(octets)
        client.socket.settimeout(seconds)
        try:
            t.equal(client.socket.recv(100), b"", reason)
        except ConnectionResetError:
            pass
    t.eventually(lambda: len(daemon.refused()) > before, f"proxy.refused: {reason}")
    last = daemon.refused()[-1]
    t.equal((last["proxy"], last["listener"], last["reason"]),
            (source or "127.0.0.1", "127.0.0.1", reason))


def ask(client, code, recipient="alice@example.test"):
    client.hello()
    client.expect("MAIL FROM:<sender@client.test>", 250)
    client.expect(f"RCPT TO:<{recipient}>", code)


@case()
def the_clients_address(t):
    """Rules, Received and log go by the address in the header, of either version and family."""
    daemon = Proxied(t)
    for number, (header, address) in enumerate((
            (binary("192.0.2.7"), "192.0.2.7"), (line("192.0.2.7"), "192.0.2.7"),
            (binary("2001:db8::7"), "2001:db8::7"), (line("2001:db8::7"), "2001:db8::7"),
            (binary("192.0.2.7", extras=b"\x02\x00\x04mail" + b"\x20" + struct.pack(">H", 2000)
                    + b"c" * 2000), "192.0.2.7"))):
        with connect(daemon, header) as client:
            ask(client, 250)
            smtp.check(client.data(f"Subject: {number}\r\n\r\ntext\r\n".encode()), 250)
            client.quit()
        files = daemon.daemon.wait_delivered(number + 1)
        t.equal(len(files), number + 1)
        t.eventually(lambda: len(daemon.closed()) > number, "session.closed")
        closed = daemon.closed()[number]
        t.equal((closed["client"], closed["proxy"]), (address, "127.0.0.1"))
    found = set()
    for path in maildir.files(daemon.daemon.maildir_of("alice")):
        with open(path, "rb") as file:
            received = email.message_from_binary_file(file)["Received"]
        found.add(received.split("[")[1].split("]")[0].removeprefix("IPv6:"))
    t.equal(found, {"192.0.2.7", "2001:db8::7"})
    with connect(daemon, binary("192.0.2.66")) as client:
        ask(client, 550)
    with connect(daemon, binary("192.0.2.8")) as client:
        ask(client, 550)  # and the proxy's own address, which is local, does not help
    with connect(daemon, signature + b"\x20\x00\x00\x00") as client:
        ask(client, 250)  # LOCAL: the proxy itself, which is local
        client.quit()
    t.eventually(lambda: "proxy" not in daemon.closed()[-1], "a LOCAL session")


@case()
def any_cutting(t):
    """Header and dialogue in one flight, and octet by octet."""
    daemon = Proxied(t)
    for header in (binary("192.0.2.7", extras=b"\x04\x00\x02xx"), line("192.0.2.7")):
        with daemon.client() as client:
            client.send(header + b"EHLO a.test\r\nMAIL FROM:<s@client.test>\r\n"
                        b"RCPT TO:<alice@example.test>\r\nQUIT\r\n")
            for code in (220, 250, 250, 250, 221):
                client.expect_reply(code)
        with daemon.client() as client:
            for octet in header + b"NOOP\r\n":
                client.send(bytes([octet]))
                time.sleep(0.002)
            client.expect_reply(220)
            client.expect_reply(250)


@case()
def turned_away(t):
    """No header, a broken one, one of nobody, an early end, silence: closed, with a reason."""
    daemon = Proxied(t)
    good = binary("192.0.2.7")
    for octets, reason in (
            (b"EHLO a.test\r\n", "no PROXY header"),
            (b"\x16\x03\x01\x02\x00\x01", "no PROXY header"),
            (b"PROXY TCP4 192.0.2.7\r\n", "malformed PROXY header"),
            (b"PROXY UNKNOWN\r\n", "the PROXY header names no address"),
            (binary("192.0.2.7", transport=0), "the PROXY header names no address"),
            (signature + b"\x21\x31\x00\xd8" + b"u" * 216, "the PROXY header names no address"),
            (good[:12] + b"\x31" + good[13:], "PROXY header of an unknown version or command"),
            (binary("192.0.2.7", extras=b"\x03\x00\x04abcd"),
             "PROXY header with a wrong checksum"),
            (signature + b"\x21\x11\xff\xff", "PROXY header too long")):
        refused(t, daemon, octets, reason)
    with daemon.client() as client:
        client.send(good[:20])
    t.eventually(lambda: daemon.refused()[-1]["reason"]
                 == "it ended before a whole PROXY header", "a broken off header")
    before = len(daemon.refused())
    with daemon.client():
        pass  # a probe whether the port is open
    began = time.monotonic()
    refused(t, daemon, good[:20], "no PROXY header in time", seconds=15)
    t.true(4 < time.monotonic() - began < 8, "after 5 seconds")
    t.equal(len(daemon.refused()), before + 1, "nothing about the probe")
    stats = daemon.daemon.control("show", "stats").stdout.decode()
    t.true("proxy" in stats, stats)


@case()
def trusted_proxies(t):
    """`from`: only these may be proxies; others are closed before they can say a word."""
    daemon = Proxied(t, "proxy-v2 from <proxies>",
                     "table proxies { 127.0.0.2, 127.0.0.8/30 }\n")
    for source in ("127.0.0.2", "127.0.0.9"):
        with connect(daemon, binary("192.0.2.7"), source=source) as client:
            ask(client, 250)
            client.quit()
    refused(t, daemon, b"", "not a proxy that is trusted")
    refused(t, daemon, b"", "not a proxy that is trusted", source="127.0.0.12")


@case()
def limits_and_names(t):
    """Connections count for the client, not for the proxy; the DNS is asked about the client."""
    server = nameserver.Nsd(t, {"2.0.192.in-addr.arpa": ["9 PTR good.example.test."],
                                "example.test": ["good A 192.0.2.9"]})
    daemon = Proxied(t, first=f"resolver {server.address}\n"
                     "smtp limit max-connections-per-address 3\n",
                     match='match from rdns "good.example.test" for any action "local"\n')
    clients = [connect(daemon, binary(f"192.0.2.{host}")) for host in (20, 21, 22, 23)
               for _ in range(3)]
    with daemon.client() as client:
        client.send(binary("192.0.2.20"))
        client.expect_reply(421)
    for client in clients:
        client.close()
    with connect(daemon, binary("192.0.2.9")) as client:
        ask(client, 250)
        smtp.check(client.data(b"Subject: named\r\n\r\ntext\r\n"), 250)
        client.quit()
    daemon.daemon.wait_delivered(1)
    with open(maildir.files(daemon.daemon.maildir_of("alice"))[0], "rb") as file:
        t.true(b"(good.example.test [192.0.2.9])" in file.read(), "the name in Received")


@case()
def the_end_does_not_wait(t):
    """Connections whose header is awaited do not hold the end of the daemon."""
    daemon = Proxied(t)
    with daemon.client() as client:
        client.send(signature)
        time.sleep(0.2)
        began = time.monotonic()
        daemon.daemon.stop()
        t.true(time.monotonic() - began < 3, "ended at once")


@case()
def before_tls(t):
    """The header comes before TLS of an smtps listener, and before STARTTLS."""
    authority = certificates.Authority(t)
    first = authority.pki("server", ["mx.example.test"])
    context = ssl.create_default_context(cafile=authority.certificate)
    for option in ("smtps", "tls-require"):
        daemon = Proxied(t, f"{option} pki server proxy-v2", first)
        for header in (binary("192.0.2.7"), line("192.0.2.7")):
            with daemon.client() as client:
                client.send(header)
                if option == "smtps":
                    client.secure(context, "mx.example.test")
                    client.expect_reply(220)
                else:
                    client.expect_reply(220)
                    client.start_tls(context, "mx.example.test")
                ask(client, 250)
                client.quit()
        t.eventually(lambda: len(daemon.closed()) >= 2, "both sessions in the log")
        t.equal([one["client"] for one in daemon.closed()[-2:]], ["192.0.2.7"] * 2)
        if option == "smtps":
            refused(t, daemon, b"\x16\x03\x01\x02\x00\x01\x00", "no PROXY header")

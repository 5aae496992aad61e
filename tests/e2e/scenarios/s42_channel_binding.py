"""SCRAM-SHA-256-PLUS: what a client proves holds for its own channel of TLS and for no other."""
import base64
import hashlib
import hmac
import re
import secrets
import shutil
import subprocess

from harness.case import case
from scenarios.s32_auth import World, host, password, scram_keys, wrong

label = "EXPORTER-Channel-Binding"  # RFC 9266


def encode(octets):
    return base64.b64encode(octets).decode()


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


class Client:
    """SMTP through openssl s_client, which says what its channel is bound to: `binding`."""

    def __init__(self, t, world, *options):
        if not shutil.which("openssl"):
            t.skip("openssl is not installed (package openssl)")
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{world.port_smtps}", "-servername",
             host, "-CAfile", world.authority.certificate, "-verify_return_error", "-ign_eof",
             "-keymatexport", label, "-keymatexportlen", "32", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        t.defer(self.close)
        shown = b""
        while not shown.endswith(b"---\n") or b"Keying material: " not in shown:
            line = self.process.stdout.readline()
            t.true(line, f"openssl ended: {shown!r}")
            shown += line
        found = re.search(rb"Keying material: ([0-9A-F]{64})", shown)
        self.binding = bytes.fromhex(found.group(1).decode())
        self.version = re.search(rb"^New, (\S+), ", shown, re.MULTILINE).group(1).decode()
        self.reply()

    def reply(self):
        """(code, lines) of the next reply; what openssl says of tickets is passed over."""
        lines = []
        while True:
            line = self.process.stdout.readline().decode()
            if not line:
                raise AssertionError("the connection has ended")
            if re.match(r"\d{3}[ -]", line):
                lines.append(line[4:].strip())
                if line[3] == " ":
                    return int(line[:3]), lines

    def command(self, line):
        self.process.stdin.write(line.encode() + b"\r\n")
        self.process.stdin.flush()
        return self.reply()

    def authenticate(self, mechanism, flag, binding, text=password):
        """A whole exchange as alice; the code of its end. `flag` is the first field."""
        header = f"{flag},,"
        first = f"n=alice,r={secrets.token_hex(8)}"
        code, lines = self.command(f"AUTH {mechanism} {encode((header + first).encode())}")
        if code != 334:
            return code
        server = base64.b64decode(lines[0]).decode()
        fields = dict(part.split("=", 1) for part in server.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", text.encode(), base64.b64decode(fields["s"]),
                                     int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        bare = f"c={encode(header.encode() + binding)},r={fields['r']}"
        said = f"{first},{server},{bare}".encode()
        proof = xor(key, hmac.digest(hashlib.sha256(key).digest(), said, "sha256"))
        code, lines = self.command(encode(f"{bare},p={encode(proof)}".encode()))
        if code != 334:
            return code
        signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said, "sha256")
        if base64.b64decode(lines[0]) != b"v=" + encode(signature).encode():
            raise AssertionError("the server's signature is wrong")
        return self.command("")[0]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def start(t):
    return World(t, tables=f'table creds {{ "alice" = "{scram_keys(password)}" }}\n',
                 more="smtp limit max-auth-failures-per-address 50\n")


plus, bound = "SCRAM-SHA-256-PLUS", "p=tls-exporter"


@case(seconds=90)
def a_channel_of_ones_own(t):
    """By tls-exporter over TLS 1.3 the right binding opens, every other one does not."""
    world = start(t)
    client, other = Client(t, world), Client(t, world)
    t.equal(client.version, "TLSv1.3")
    t.equal(offer(client), "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN")
    t.true(client.binding != other.binding, "two channels have two bindings")
    # What somebody between two channels would pass on.
    t.equal(client.authenticate(plus, bound, other.binding), 535, "another channel's")
    t.equal(client.authenticate(plus, bound, b""), 535, "none")
    t.equal(client.authenticate(plus, bound, client.binding, wrong), 535, "a wrong password")
    t.equal(client.authenticate(plus, bound, client.binding), 235, "its own")
    offer(other)
    t.equal(other.authenticate(plus, bound, other.binding), 235, "the other one's")
    world.expect_no_secrets()


@case(seconds=60)
def not_with_older_tls(t):
    """TLS 1.2 has no binding that all clients compute alike, so none is offered."""
    client = Client(t, start(t), "-tls1_2")
    t.equal(client.version, "TLSv1.2")
    t.equal(offer(client), "AUTH SCRAM-SHA-256 PLAIN LOGIN")
    t.true(client.authenticate(plus, bound, client.binding) >= 500, "what is not offered")
    t.equal(client.authenticate("SCRAM-SHA-256", "y", b""), 235, "a client that knows bindings")


def offer(client):
    """The line on AUTH in the answer to EHLO."""
    return next(line for line in client.command("EHLO client.test")[1] if "AUTH" in line)


@case(seconds=90)
def what_the_client_believes_to_be_offered(t):
    """RFC 5802 6: a downgrade is noticed, and an unknown binding is refused."""
    world = start(t)
    client = Client(t, world)
    client.command("EHLO client.test")
    t.equal(client.authenticate("SCRAM-SHA-256", "y", b""), 535,
            "a client that was told of no -PLUS, though it was offered")
    t.true(client.authenticate(plus, "p=tls-unique", client.binding) >= 500, "an unknown binding")
    t.true(client.authenticate(plus, "n", b"") >= 500, "-PLUS without a binding")
    t.true(client.authenticate("SCRAM-SHA-256", bound, client.binding) >= 500, "and the reverse")
    t.equal(client.authenticate("SCRAM-SHA-256", "n", b""), 235, "a client that knows no binding")


@case(seconds=60)
def gnu_sasl(t):
    """A client of other people's making: GNU SASL, by STARTTLS and GnuTLS."""
    if not shutil.which("gsasl"):
        t.skip("gsasl is not installed (package gsasl)")
    world = start(t)

    def run(text):
        return subprocess.run(
            ["gsasl", "--smtp", f"--connect=127.0.0.1:{world.daemon.port}",
             f"--mechanism={plus}", "--authentication-id=alice", f"--password={text}",
             "--x509-ca-file=", "--verbose"],
            input="", capture_output=True, text=True, timeout=30, check=False)
    done = run(password)
    said = done.stdout + done.stderr
    t.true("235 " in said and f"AUTH {plus}" in said, said)
    t.equal([one["user"] for one in world.daemon.events("auth.accepted")], ["alice"])
    t.true("535 " in run(wrong).stdout, "a wrong password")

"""DKIM with servers that other people run: rspamd verifies and signs, opendkim signs as a milter."""
import os
import shutil
import subprocess

from harness import milter, nameserver, rspamd
from harness.case import case
from scenarios.s47_signatures import Awkward, Keys, domain, forms


class OneOfEach(Awkward):
    """What rspamd can judge. It declares signatures broken when a field that RFC 5322 allows once is there twice,
    and the relaxed form of a body of nothing but line ends is one line end to it (RFC 6376 3.4.4: nothing)."""

    def body(self):
        text = super().body()
        return text if text.strip(b" \t\r\n") else b""

    def message(self):
        fields = [self.field(b"Received") for _ in range(self.random.choice([0, 1, 3, 40]))]
        fields.append(b"From: a@example.test (x)\r\n")
        some = [b"To", b"Cc", b"Subject", b"Date", b"Message-ID"]
        fields += [self.field(name) for name in self.random.sample(some, k=self.random.randint(0, 5))]
        fields += [self.field(b"X-Odd") for _ in range(self.random.randint(0, 3))]
        self.random.shuffle(fields)
        return b"".join(fields) + b"\r\n" + self.body()


def expect_passes(keys, messages):
    for number, report in enumerate(keys.judge(messages)):
        assert [one["result"] for one in report["dkim"]] == ["pass"], (number, report["dkim"], messages[number])


@case(seconds=120)
def rspamd_both_ways(t):
    keys, awkward = Keys(t), OneOfEach(5)
    other = rspamd.Rspamd(t, keys.server, domain.decode(), "r", keys.files["r"])
    signed = []
    for number in range(250):
        message = awkward.message()
        ours = keys.sign(message, forms[number % 4])
        t.equal(other.passed(ours), ["e", "r"], f"signatures that rspamd finds good, of {ours!r}")
        signed.append(other.sign(message))
    expect_passes(keys, signed)
    broken = signed[0].replace(b"a@example.test (x)", b"b@example.test (x)")
    t.equal(other.passed(broken), [], "of a message that was changed")
    t.equal(keys.judge([broken])[0]["dkim"][0]["result"], "fail")


def start_opendkim(t, keys, form):
    """A signer with one pair of forms; its port."""
    program = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
    if program is None:
        t.skip("opendkim is not installed (tools/setup test)")
    port, path = nameserver.free_port(), t.path("opendkim." + form.replace("/", "."))
    with open(path, "w", encoding="ascii") as file:
        file.write(f"Mode s\nSocket inet:{port}@127.0.0.1\nDomain {domain.decode()}\nSelector r\n"
                   f"KeyFile {keys.files['r']}\nCanonicalization {form}\nSyslog no\nRequireSafeKeys no\n")
    with open(path + ".log", "wb") as log:
        process = subprocess.Popen([program, "-f", "-x", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    t.defer(process.wait, 20)
    t.defer(process.kill)  # told to end, it takes five seconds

    def listens():
        assert process.poll() is None, os.path.getsize(path + ".log")
        try:
            milter.Milter(port).close()
            return True
        except OSError:
            return False

    t.eventually(listens, f"opendkim listens: {path}.log")
    return port


@case(seconds=120)
def what_opendkim_signs(t):
    keys, awkward, signed = Keys(t), Awkward(6), []
    for form in forms:
        port = start_opendkim(t, keys, form)
        for _ in range(125):
            message, connection = awkward.message(), milter.Milter(port)
            if not message.endswith(b"\r\n"):  # no server passes half a line on
                message += b"\r\n"
            fields = connection.message(message, b"a@example.test", b"b@elsewhere.test")
            assert len(fields) == 1 and fields[0].startswith(b"DKIM-Signature:"), (fields, message)
            signed.append(fields[0] + message)
            connection.close()
    expect_passes(keys, signed)

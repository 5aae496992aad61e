"""DKIM and ARC against other implementations, both ways: what they sign we verify, what we sign they verify,
over messages with awkward headers and bodies."""
import base64
import json
import random
import re
import shutil
import subprocess

from harness import dkim_mail, nameserver
from harness.case import case

domain = b"example.test"
forms = ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed")


class Awkward:
    """Messages that readers stumble over: folds, blanks, 8-bit, long lines, many Received, ends of all kinds.
    `tidy` leaves out what opendkim's reader of files (-t) changes before it verifies: blanks behind the colon, values
    that are empty, lines longer than its buffer, and a last line without an end."""

    def __init__(self, seed, tidy=False):
        self.random = random.Random(seed)
        self.tidy = tidy

    def word(self):
        return bytes(self.random.choice(b"abcdefghijklmnop") for _ in range(self.random.randint(1, 9)))

    def blank(self):
        return self.random.choice([b" ", b"  ", b"\t", b" \t ", b"\r\n ", b"\r\n\t  "])

    def value(self):
        text = self.word() if self.tidy else b""
        for _ in range(self.random.randint(0, 12)):
            text += self.blank() + self.random.choice([self.word(), b"\xc3\xa4", b'"q;x"', b"(c)"])
        return text + self.random.choice([b"", b" ", b"\t"])

    def field(self, name):
        colon = b": " if self.tidy else self.random.choice([b":", b": ", b":\t"])
        return name + colon + self.value() + b"\r\n"

    def body(self):
        kind = self.random.randint(0, 9)
        if kind == 0:
            return b""
        if kind == 1:
            return b"\r\n" * self.random.randint(1, 4)
        text = b""
        for _ in range(self.random.randint(1, 12)):
            text += self.random.choice([b"", b" ", b".", b"\t"])
            text += self.blank()[-1:].join(self.word() for _ in range(self.random.randint(0, 9)))
            tails = [b"", b" ", b" \t", b"\xff\xfe"] + ([] if self.tidy else [b"x" * 998, b"y" * 5000])
            text += self.random.choice(tails) + b"\r\n"
        return text + self.random.choice([b"", b"\r\n\r\n", b" \r\n", b"" if self.tidy else b"no line end"])

    def message(self):
        some = [b"To", b"Cc", b"Subject", b"SUBJECT", b"X-Odd", b"Date", b"Message-ID", b"List-ID"]
        fields = [self.field(b"Received") for _ in range(self.random.choice([0, 1, 3, 40]))]
        fields.append(self.random.choice([b"From", b"FROM", b"from"]) + b": a@example.test (x)\r\n")
        fields += [self.field(self.random.choice(some)) for _ in range(self.random.randint(0, 6))]
        self.random.shuffle(fields)
        return b"".join(fields) + b"\r\n" + self.body()


class Keys:
    """An RSA and an Ed25519 key, made by ringpostctl and published by a real name server."""

    def __init__(self, t):
        self.control = t.program("ringpostctl")
        self.files, records, self.zone = {}, [], {}
        for selector, kind in (("r", "rsa"), ("e", "ed25519")):
            self.files[selector] = t.path(f"{kind}.pem")
            line = self.run("dkim", "keygen", "--type", kind, "--domain", domain.decode(), "--selector", selector,
                            "--key", self.files[selector]).decode().strip()
            records.append(line)
            record = "".join(re.findall(r'"([^"]*)"', line)).encode()
            self.zone[selector.encode() + b"._domainkey." + domain + b"."] = record
        self.server = nameserver.Nsd(t, {domain.decode(): records})
        for selector, path in self.files.items():
            self.run("dkim", "check", "--dns", self.server.address, "--domain", domain.decode(), "--selector",
                     selector, "--key", path)

    def run(self, *arguments, octets=None):
        done = subprocess.run([self.control, *arguments], input=octets, capture_output=True, timeout=60)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def lookup(self, name, timeout=5):
        return self.zone.get(name)

    def sign(self, message, form):
        return self.run("dkim", "sign", "--canon", form, "--domain", domain.decode(), "--selector", "r", "--key",
                        self.files["r"], "--selector", "e", "--key", self.files["e"], octets=message)

    def judge(self, messages):
        """What ringpostctl auth says about each."""
        lines = "".join(json.dumps({
            "id": number, "dns": self.server.address, "ip": "192.0.2.1", "helo": "h.test",
            "mail_from": "a@example.test", "now": None, "message": base64.b64encode(message).decode()}) + "\n"
            for number, message in enumerate(messages))
        return [json.loads(line) for line in self.run("auth", "--batch", octets=lines.encode()).splitlines()]


def raw_seed(path):
    """The secret of an Ed25519 key as dkimpy takes it."""
    return base64.b64encode(dkim_mail.openssl("pkey", "-in", path, "-outform", "DER")[-32:])


@case(seconds=120)
def what_dkimpy_signs(t):
    dkim, keys, awkward = dkim_mail.library(t), Keys(t), Awkward(1)
    with open(keys.files["r"], "rb") as file:
        secrets = {b"r": (b"rsa-sha256", file.read()), b"e": (b"ed25519-sha256", raw_seed(keys.files["e"]))}
    messages = []
    for number in range(500):
        selector = (b"r", b"e")[number % 2]
        algorithm, secret = secrets[selector]
        message = awkward.message()
        names = [b"from"] + awkward.random.choices([b"to", b"cc", b"subject", b"date", b"x-odd", b"nothing"], k=4)
        signature = dkim.DKIM(message, signature_algorithm=algorithm).sign(
            selector, domain, secret, canonicalize=tuple(forms[number % 4].encode().split(b"/")),
            include_headers=names, length=number % 5 == 0)
        messages.append(signature + message)
    for number, report in enumerate(keys.judge(messages)):
        assert report["dkim"][0]["result"] == "pass", (number, report["dkim"], messages[number])


@case(seconds=120)
def what_we_sign_for_dkimpy(t):
    dkim, keys, awkward = dkim_mail.library(t), Keys(t), Awkward(2)
    for number in range(250):  # two signatures each
        signed = keys.sign(awkward.message(), forms[number % 4])
        for place in (0, 1):
            assert dkim.DKIM(signed).verify(idx=place, dnsfunc=keys.lookup), (number, place, signed)


@case(seconds=120)
def what_we_sign_for_opendkim(t):
    program = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
    if program is None:
        t.skip("opendkim is not installed (tools/setup test)")
    keys, awkward, files = Keys(t), Awkward(3, tidy=True), []
    with open(t.path("keys"), "wb") as file:
        for name, record in keys.zone.items():
            file.write(name.rstrip(b".") + b" " + record + b"\n")
    with open(t.path("opendkim.conf"), "w", encoding="ascii") as file:
        file.write(f"Mode v\nTestPublicKeys {t.path('keys')}\nSyslog no\n")
    for number in range(250):
        files.append(t.path(f"{number}.eml"))
        with open(files[-1], "wb") as file:
            file.write(keys.sign(awkward.message(), ("relaxed/simple", "relaxed/relaxed")[number % 2]))
    said = subprocess.run([program, "-f", "-x", t.path("opendkim.conf"), "-t", ",".join(files)],
                          capture_output=True, timeout=100).stdout.decode()
    for path in files:
        assert re.search(re.escape(path) + r": verification \(s=\w, d=example.test, .*\) succeeded", said), said


@case(seconds=120)
def seals_and_chains(t):
    dkim, keys, awkward = dkim_mail.library(t), Keys(t), Awkward(4)
    try:
        import authres  # noqa: F401, pylint: disable=unused-import,import-outside-toplevel
    except ImportError:
        t.skip("authres is not installed (package python3-authres)")
    with open(keys.files["r"], "rb") as file:
        secret = file.read()

    def tags(octets):
        return [re.sub(rb"\s+", b" ", field).strip() for field in re.split(rb"\r\n(?=ARC-)", octets.strip())]

    names = "from:to:subject:date:x-odd"
    for _ in range(20):
        message = awkward.message()
        for hop in (1, 2, 3):
            service, before = f"mx{hop}.test", "none" if hop == 1 else "pass"
            message = f"Authentication-Results: {service}; arc={before}; spf=pass\r\n".encode() + message
            sealed = keys.run("arc-seal", "--dns", keys.server.address, "--domain", domain.decode(), "--selector", "r",
                              "--key", keys.files["r"], "--auth-serv-id", service, "--headers", names,
                              "--timestamp", str(1700000000 + hop), octets=message)
            theirs = dkim.arc_sign(message, b"r", domain, secret, service.encode(), timestamp=1700000000 + hop,
                                   include_headers=names.encode().split(b":"), standardize=True)
            assert tags(sealed[:-len(message)]) == [re.sub(rb"\s+", b" ", field).strip() for field in theirs]
            message = sealed
            assert dkim.arc_verify(message, dnsfunc=keys.lookup)[0] == b"pass"
            arc = keys.judge([message])[0]["arc"]
            assert (arc["result"], arc["instances"]) == ("pass", hop), arc
        broken = message.replace(b"a@example.test (x)", b"b@example.test (x)")
        assert keys.judge([broken])[0]["arc"]["result"] == "fail"

"""ringpostctl auth and psl against a DNS server whose zone changes between messages."""
import base64
import json
import os
import subprocess
import time

from harness.case import case
from harness.zones import Zones, failing, silent

corpus = os.path.join(os.path.dirname(__file__), "..", "..", "corpus")
plain = b"From: a@example.com\r\nSubject: x\r\n\r\nhello\r\n"


class Batch:
    """ringpostctl auth --batch: one object in, one out."""

    def __init__(self, t, *options):
        self.process = subprocess.Popen([t.program("ringpostctl"), "auth", "--batch", *options],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        t.defer(self.end)

    def ask_raw(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ask(self, server, ip="192.0.2.1", helo="mail.example.com", mail_from="a@example.com",
            message=plain, now=None):
        answer = self.ask_raw(json.dumps({
            "id": 7, "dns": server.address, "ip": ip, "helo": helo, "mail_from": mail_from,
            "now": now, "message": base64.b64encode(message).decode()}).encode())
        assert answer["id"] == 7, answer
        return answer

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


def unescaped(text):
    """The octets as Latin-1, and as the JSON of a line has them: UTF-8."""
    return text.encode().decode("unicode_escape")


@case(seconds=120)
def published_spf_suite(t):
    """Every row of the suite, through the command, a real socket and a zone of each section."""
    batch, server, rows = Batch(t), Zones(t), 0
    with open(os.path.join(corpus, "spf", "rfc4408.txt"), encoding="ascii") as file:
        for line in file.read().split("\n"):
            kind, _, rest = line.partition("|")
            if kind == "scenario":
                server.records = {}
            elif kind == "zone":
                name, record, value = (unescaped(part) for part in rest.split("|", 2))
                here = server.records.setdefault(name, [])
                if record == "TIMEOUT":
                    here.append(failing)
                elif record == "MX":
                    preference, host = value.split(" ")
                    here.append((record, (int(preference), host)))
                else:
                    here.append((record, value))
            elif kind == "test":
                fields = [unescaped(part) for part in rest.split("|")]
                name, helo, ip, sender, result, explanation = fields
                spf = batch.ask(server, ip, helo, sender)["spf"]
                assert spf["result"] == result, (name, spf)
                if explanation not in ("-", ""):
                    assert spf["explanation"] == explanation, (name, spf)
                rows += 1
    assert rows == 191, rows


@case()
def dmarc_over_the_real_list(t):
    """Alignment, policies of organizations, and what changes between two lines."""
    server = Zones(t, {"_dmarc.example.co.uk": [("TXT", "v=DMARC1; p=reject; sp=quarantine")],
                       "bounce.example.co.uk": [("TXT", "v=spf1 ip4:192.0.2.1 -all")]})
    batch = Batch(t)
    message = b"From: Me <me@News.Example.co.uk>\n\nhello\n"
    first = batch.ask(server, mail_from="x@bounce.example.co.uk", message=message)
    assert first["spf"]["mechanism"] == "ip4:192.0.2.1", first
    assert first["dmarc"] == {"result": "pass", "domain": "news.example.co.uk",
                              "policy": "quarantine", "disposition": "none",
                              "alignment": {"spf": True, "dkim": False}}, first
    server.records["bounce.example.co.uk"] = [("TXT", "v=spf1 -all")]
    second = batch.ask(server, mail_from="x@bounce.example.co.uk", message=message)
    assert second["spf"]["result"] == "fail" and second["dmarc"]["disposition"] == "quarantine"
    walk = Batch(t, "--tree-walk")
    server.records = {"_dmarc.uk": [("TXT", "v=DMARC1; p=none; sp=reject; psd=y")]}
    assert walk.ask(server, message=message)["dmarc"]["policy"] == "reject"


@case()
def hostile_answers_end(t):
    """Huge texts, chains and loops of CNAME, silence: every line is answered, and in time."""
    server = Zones(t, {
        "huge.example.com": [("TXT", "v=spf1 " + "ip4:203.0.113.1 " * 3700 + "+all")],
        "loop.example.com": [("CNAME", "pool.example.com")],
        "pool.example.com": [("CNAME", "loop.example.com")],
        "deaf.example.com": [silent]})
    for i in range(60):
        server.records[f"c{i}.example.com"] = [("CNAME", f"c{i + 1}.example.com")]
    batch = Batch(t)
    assert batch.ask(server, mail_from="a@huge.example.com")["spf"]["result"] == "pass"
    for name in ("loop", "c0"):
        assert batch.ask(server, mail_from=f"a@{name}.example.com")["spf"]["result"] == "temperror"
    began = time.monotonic()
    deaf = batch.ask(server, mail_from="a@deaf.example.com")
    assert deaf["spf"]["result"] == "temperror", deaf
    assert time.monotonic() - began < 25
    for line in (b"{", b"[]", b"null", b'{"id":1}', b'{"id":1,"ip":"::1","message":"%"}',
                 b"[" * 100_000, b'{"id":"\xff"}', b'{"id":1,"ip":"::1","dns":"x","message":""}'):
        assert "error" in batch.ask_raw(line), line
    assert batch.ask(server, message=b"")["dmarc"]["result"] == "none"
    assert batch.ask(server, message=b"From: " + b"a@example.com, " * 20_000)["dkim"] == []


@case()
def single_form_and_field(t):
    """The options of the single form; RINGPOST_NOW; the field beside the results."""
    server = Zones(t, {"example.com": [("TXT", "v=spf1 -all exp=why.example.com")],
                       "why.example.com": [("TXT", "%{t} %{r}")]})
    command = [t.program("ringpostctl"), "auth", "--dns", server.address, "--ip", "192.0.2.1",
               "--helo", "h.example.com", "--mail-from", "a@example.com", "--auth-serv-id", "mx.test"]
    environment = dict(os.environ, RINGPOST_NOW="1700000000")
    done = subprocess.run(command, input=plain, capture_output=True, env=environment, timeout=30)
    assert json.loads(done.stdout)["spf"]["explanation"] == "1700000000 mx.test", done.stdout
    done = subprocess.run(command + ["--auth-results"], input=plain, capture_output=True, timeout=30)
    field = json.loads(done.stdout)["auth_results"]
    assert field.startswith("Authentication-Results: mx.test;\n\tspf=fail"), field


@case()
def registrable_domains(t):
    """The published cases of the public suffix list, a line each."""
    asked, wanted = [], []
    with open(os.path.join(corpus, "psl", "test_psl.txt"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("checkPublicSuffix('"):
                domain, answer = line[len("checkPublicSuffix("):].split(")")[0].split(", ")
                asked.append(domain.strip("'"))
                wanted.append(answer.strip("'"))
    done = subprocess.run([t.program("ringpostctl"), "psl"], input="\n".join(asked) + "\n",
                          capture_output=True, encoding="utf-8", timeout=30)
    assert done.stdout.split("\n")[:-1] == wanted


@case(seconds=120)
def many_domains_are_checked_in_parallel(t):
    """dns check over a list: sentences about what is wrong, progress, and silence that delays nobody."""
    count = 10_000 if t.long else 2_000
    server = Zones(t, {"mail.host.test": [("A", "192.0.2.1")],
                       "1.2.0.192.in-addr.arpa": [("PTR", "mail.host.test")],
                       "d1500.test": [silent]})
    zone = subprocess.run([t.program("ringpostctl"), "dns", "print", "d1.test", "--host",
                           "mail.host.test", "--address", "192.0.2.1"],
                          capture_output=True, text=True, timeout=30).stdout
    assert 'd1.test. IN TXT "v=spf1 ip4:192.0.2.1 -all"\n' in zone, zone
    for i in range(count):
        if i in (7, 1500):
            continue
        server.records[f"d{i}.test"] = [("MX", (10, "mail.host.test")), ("TXT", "v=spf1 mx -all")]
        server.records[f"_dmarc.d{i}.test"] = [("TXT", "v=DMARC1; p=reject")]
    server.freeze()
    done = subprocess.run([t.program("ringpostctl"), "dns", "check", "--host", "mail.host.test",
                           "--address", "192.0.2.1", "--dns", server.address],
                          input="".join(f"d{i}.test\n" for i in range(count)),
                          capture_output=True, text=True, timeout=110)
    assert done.returncode == 1
    lines = done.stdout.split("\n")[:-1]
    fine = sum(line.endswith(": all is as it should be") for line in lines)
    assert fine == count - 2, (fine, lines[:5])
    assert "d7.test: the domain does not exist: it is not registered or not delegated" in lines
    assert any(line.startswith("d1500.test: the mail exchangers of d1500.test could not")
               for line in lines)
    assert f"{count} of {count} domains checked" in done.stderr, done.stderr

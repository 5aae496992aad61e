"""Records of decisions: `ringpostctl explain` tells by message, session and token why something was
accepted or refused at each phase; over a restart, without the daemon, after kill -9, until the
file has gone round; traces."""
import os

from harness.case import case
from scenarios import s40_filters, s45_filter_processes


def explain(daemon, word):
    """The decisions about a message, session or token, newest first."""
    return daemon.rows("explain", word)


def refused(t, daemon, reply):
    """The only decision of a refusal, by the token in its text."""
    t.true(reply.token, repr(reply))
    found = explain(daemon, reply.token)
    t.equal(len(found), 1, found)
    t.equal(found[0]["token"], reply.token)
    t.equal(found[0]["code"], reply.code)
    t.true(reply.lines[-1].startswith(found[0]["reply"][:40]), (reply.lines, found))
    return found[0]


def filters_of(decision):
    return [(one["filter"], one["phase"], one["decision"]) for one in decision["filters"]]


@case()
def each_phase_of_built_in_filters(t):
    """A refusal at each phase has a token, and its record says which filter."""
    phases = {"connect": '!src 127.0.0.1 disconnect "550 who"', "helo": 'helo "bad.test" reject "550 helo"',
              "ehlo": 'helo "bad.test" reject "550 ehlo"',
              "mail-from": 'mail-from "@bad.test" reject "550 5.7.1 sender"',
              "rcpt-to": 'rcpt-to "no@example.test" reject "550 no"',
              "data": 'mail-from "d@x.test" reject "554 data"',
              "commit": 'mail-from "c@x.test" reject "554 5.6.0 content"'}
    text = "".join(f"filter f_{name.replace('-', '_')} phase {name} match {rule}\n"
                   for name, rule in phases.items())
    chain = "{ " + ", ".join(f"f_{name.replace('-', '_')}" for name in phases) + " }"
    daemon = s40_filters.start(t, text, chain)
    with s40_filters.connect(daemon, source="127.0.0.2", banner=False) as client:
        first = refused(t, daemon, client.reply())
    t.equal((first["verdict"], first["stage"], first["client"]), ("disconnected", "connect", "127.0.0.2"))
    with s40_filters.connect(daemon) as client:
        client.command("NOOP")
        replies = {"helo": client.expect("HELO bad.test", 550), "ehlo": client.expect("EHLO bad.test", 550)}
        client.hello("good.test")
        replies["mail-from"] = client.expect("MAIL FROM:<a@bad.test>", 550)
        client.expect("MAIL FROM:<d@x.test>", 250)
        replies["rcpt-to"] = client.expect("RCPT TO:<no@example.test>", 550)
        client.expect("RCPT TO:<alice@example.test>", 250)
        replies["data"] = client.expect("DATA", 554)
        client.expect("RSET", 250)
        client.expect("MAIL FROM:<c@x.test>", 250)
        client.expect("RCPT TO:<alice@example.test>", 250)
        client.expect("DATA", 354)
        replies["commit"] = client.expect("Subject: x\r\n\r\nx\r\n.", 554)
    stages = {"helo": "hello", "ehlo": "hello", "mail-from": "mail", "rcpt-to": "rcpt"}
    for phase, reply in replies.items():
        if phase in ("rcpt-to", "data"):
            continue
        decision = refused(t, daemon, reply)
        t.equal(decision["stage"], stages.get(phase, phase), phase)
        t.equal(filters_of(decision)[-1], (f"f_{phase.replace('-', '_')}", phase, "reject"), phase)
    # What was refused in one transaction has one token, the latest first.
    t.equal(replies["rcpt-to"].token, replies["data"].token)
    both = explain(daemon, replies["data"].token)
    t.equal([one["stage"] for one in both], ["data", "rcpt"])
    t.equal(both[1]["refused"], {"address": "no@example.test", "rule": ""})
    t.equal((both[0]["recipients"], both[0]["from"], both[0]["helo"]), (1, "d@x.test", "good.test"))
    t.equal(explain(daemon, both[0]["session"])[0]["stage"], "commit", "by the session, the newest first")
    content = refused(t, daemon, replies["commit"])
    t.equal(content["octets"], len("Subject: x\r\n\r\nx\r\n"))


@case()
def rules_and_accepted_messages(t):
    """The rule that took or refused a recipient, by its line; a message by its id; over a restart
    and without the daemon."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello("mx.client.test")
        client.expect("MAIL FROM:<a@client.test>", 250)
        stranger = client.expect("RCPT TO:<x@elsewhere.test>", 550)
        unknown = client.expect("RCPT TO:<nobody@example.test>", 550)
        client.expect("RCPT TO:<alice@example.test>", 250)
        client.expect("DATA", 354)
        identifier = client.expect("Subject: x\r\n\r\nx\r\n.", 250).queue_id
        t.equal(client.expect("MAIL FROM", 501).token, "", "no decision, no token")
        client.quit()
    with open(daemon.configuration_path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    rule = str(next(number for number, line in enumerate(lines, 1) if line.startswith("match")))

    def whole():
        decisions = explain(daemon, identifier)
        t.equal([one["verdict"] for one in decisions], ["accepted", "refused", "refused"])
        accepted, second, first = decisions
        t.equal(accepted["to"], [{"address": "alice@example.test", "rule": rule}])
        t.equal((accepted["recipients"], accepted["helo"], accepted["from"]),
                (1, "mx.client.test", "a@client.test"))
        t.true(accepted["microseconds"].get("commit", 0) > 0, accepted)
        t.equal(first["refused"], {"address": "x@elsewhere.test", "rule": ""})
        t.equal(second["refused"], {"address": "nobody@example.test", "rule": rule})
        t.equal(first["token"], stranger.token)
        t.equal(second["token"], unknown.token)
        text = daemon.control_ok("explain", identifier).decode()
        t.true(f"taken by the rule in line {rule}" in text and "Verdict: accepted." in text, text)
        t.true("refused; no rule decided" in text, text)
    whole()
    daemon.stop()
    whole()
    daemon.start()
    whole()
    for word in ("K7Q2M9XA", "0123456789abcdef"):
        found = daemon.control("explain", word)
        t.equal(found.returncode, 1)
        t.true(b"is kept; the oldest that is kept is of 20" in found.stderr, found.stderr)
    t.equal(daemon.control("explain", "me").returncode, 2)
    figures = daemon.statistics()
    t.true(any("decision_written" in name for name in figures), figures)


@case()
def filter_processes(t):
    """What a process said, and that it could not; its text keeps its beginning."""
    daemon = s45_filter_processes.start(
        t, 'filter f proc-exec "{program} {log} quiet \'mail-from=reject|451 greylisted, later\'"\n')
    with s45_filter_processes.connect(daemon) as client:
        client.hello()
        reply = client.expect("MAIL FROM:<a@x.test>", 451)
        t.equal(str(reply), "451 4.7.1 greylisted, later")
        decision = refused(t, daemon, reply)
        t.equal(filters_of(decision), [("f", "mail-from", "reject")])


@case()
def kill_and_go_on(t):
    """kill -9 costs what was not written yet, and nothing else; the next life goes on behind it."""
    daemon = t.daemon()
    replies = []
    for _ in range(3):
        with daemon.client() as client:
            client.hello()
            client.expect("MAIL FROM:<a@client.test>", 250)
            replies.append(client.expect("RCPT TO:<x@elsewhere.test>", 550))
        refused(t, daemon, replies[-1])
        daemon.kill()
        daemon.start()
    for reply in replies:
        refused(t, daemon, reply)


@case()
def it_goes_round(t):
    """A file of the least size keeps the newest decisions and says from when the oldest is."""
    daemon = t.daemon(directives=["spool decisions 1M"])
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<a@client.test>", 250)
        first = client.expect("RCPT TO:<first@elsewhere.test>", 550)
    refused(t, daemon, first)
    name = "x" * 60
    last = None
    for _ in range(800):
        with daemon.client() as client:
            client.hello(f"{name}.test")
            client.send(f"MAIL FROM:<{name}@client.test>\r\n".encode()
                        + f"RCPT TO:<{name}@elsewhere.test>\r\n".encode() * 10)
            client.expect_reply(250)
            for _ in range(10):
                last = client.expect_reply(550)
            client.send(b"QUIT\r\n")
            client.expect_reply(221)
    t.equal(daemon.control("explain", first.token).returncode, 1, "the oldest has gone")
    t.equal(len(explain(daemon, last.token)), 10)
    path = os.path.join(daemon.home, "spool", "decisions")
    t.equal(os.path.getsize(path), 1 << 20)
    t.equal(os.stat(path).st_mode & 0o777, 0o600)


@case()
def damage(t):
    """Bits that flip cost the records they hit; the daemon starts and goes on."""
    daemon = t.daemon()
    replies = []
    with daemon.client() as client:
        client.hello()
        for number in range(20):
            client.expect(f"MAIL FROM:<a{number}@client.test>", 250)
            replies.append(client.expect("RCPT TO:<x@elsewhere.test>", 550))
            client.expect("RSET", 250)
    for reply in replies:
        refused(t, daemon, reply)
    daemon.stop()
    path = os.path.join(daemon.home, "spool", "decisions")
    with open(path, "r+b") as file:
        for at in (700, 1500):
            file.seek(at)
            octet = file.read(1)[0]
            file.seek(at)
            file.write(bytes([octet ^ 0x20]))
    found = [daemon.control("explain", reply.token).returncode == 0 for reply in replies]
    t.true(18 <= sum(found) < 20, found)
    daemon.start()
    t.equal([daemon.control("explain", reply.token).returncode == 0 for reply in replies], found)


@case()
def traces(t):
    """A subsystem is traced and not any more; what has no trace is said so."""
    daemon = s40_filters.start(
        t, 'filter f phase mail-from match mail-from "@bad.test" reject "550 no"\n', "f")

    def one_message():
        with s40_filters.connect(daemon) as client:
            client.hello()
            client.transaction(b"Subject: x\r\n\r\nx\r\n")

    def events():
        return {name: len(daemon.events(name)) for name in
                ("trace.filter", "trace.rule", "trace.expand", "session.received")}
    one_message()
    t.equal(set(events().values()), {0}, events())
    for subsystem in ("filters", "rules", "expand"):
        daemon.control_ok("trace", subsystem)
    one_message()
    t.eventually(lambda: list(events().values()) == [1, 1, 1, 0], "traces")
    passed = daemon.events("trace.filter")[0]
    t.equal((passed["filter"], passed["phase"], passed["result"]),
            ("f", "mail-from", "its condition does not hold"))
    rule = daemon.events("trace.rule")[0]
    t.equal((rule["recipient"], rule["outcome"]), ("alice@example.test", "deliver"))
    daemon.control_ok("untrace", "all")
    daemon.control_ok("trace", "smtp")
    one_message()
    t.eventually(lambda: events()["session.received"] >= 4, "lines")
    t.equal(list(events().values())[:3], [1, 1, 1])
    t.true(b"nothing to trace for imsg" in daemon.control_ok("trace", "imsg"), "imsg")
    t.equal(daemon.control("trace", "nonsense").returncode, 2)

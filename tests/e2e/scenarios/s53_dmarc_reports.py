"""`dmarc reports`: what came of mail in the name of domains is gathered durably and told to those whom
their records name, with a real name server."""
import email
import gzip
import os
import re
import time
import xml.etree.ElementTree

from harness import maildir, nameserver, smtp
from harness.case import case
from harness.daemon import free_port

here = "127.0.0.2"  # from where the domains below send
spf = f'@ TXT "v=spf1 ip4:{here} -all"'
zones = {
    "own.test": [spf, '_dmarc TXT "v=DMARC1; p=reject; sp=none; adkim=s; rua=mailto:rua@own.test"'],
    "else.test": [spf, '_dmarc TXT "v=DMARC1; p=none; rua=mailto:rua@good.test!1m"'],
    "not.test": [spf, '_dmarc TXT "v=DMARC1; p=none; rua=mailto:rua@bad.test"'],
    "small.test": [spf, '_dmarc TXT "v=DMARC1; p=none; rua=mailto:rua@small.test!100"'],
    # nobody serves the zone of the first
    "both.test": [spf, '_dmarc TXT "v=DMARC1; p=none; rua=mailto:rua@unserved.example,mailto:rua@both.test"'],
    "silent.test": [spf, '_dmarc TXT "v=DMARC1; p=none"'],
    "good.test": ['else.test._report._dmarc TXT "v=DMARC1"'],
    "bad.test": ['other.test._report._dmarc TXT "v=DMARC1"'],
}


to_others = 'match from local for any action "out"\n'


def start(t, resolver, options="", out=to_others):
    port = free_port()
    daemon = t.daemon(users=["alice", "bob"], text=(
        f'resolver {resolver} timeout 300ms attempts 1\n'
        f'dmarc reports from dmarc@mx.example.test organization "Example & Co" {options}\n'
        'table users { "alice@example.test" = "alice" }\n'
        'table all { "@" = "bob" }\n'
        'table base { "alice" = "{owner}:{mail}/alice", "bob" = "{owner}:{mail}/bob" }\n'
        f'listen on 127.0.0.1 port {{port}} hostname plain.example.test\n'
        f'listen on 127.0.0.1 port {port} hostname mx.example.test dmarc reject\n'
        'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users> userbase <base>\n'
        'action "out" maildir "{mail}/%{user.username}/Maildir" virtual <all> userbase <base>\n'
        'match from any for domain "example.test" action "local"\n' + out))
    daemon.checked = port
    return daemon


def send(daemon, domain, passes=False, subject="hello", sender=None, to="alice@example.test"):
    """The code of the reply to a message in the domain's name."""
    content = (f"From: A <a@{domain}>\r\nTo: alice@example.test\r\nSubject: {subject}\r\n"
               f"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@{domain}>\r\n\r\nHello.\r\n")
    source = here if passes else "127.0.0.3"
    with smtp.Client("127.0.0.1", daemon.checked, source=source, timeout=60) as client:
        client.expect("EHLO host.client.test", 250)
        client.envelope(sender=f"a@{domain}" if sender is None else sender, recipients=(to,))
        client.expect("DATA", 354)
        client.send(smtp.stuffed(content.encode()))
        reply = client.reply()
        client.quit()
        return reply.code


def reports(daemon):
    """By address: the messages that went out, each with its XML."""
    found = {}
    for path in maildir.files(daemon.maildir_of("bob")):
        with open(path, "rb") as file:
            message = email.message_from_bytes(file.read())
        (part,) = [one for one in message.walk() if one.get_content_type() == "application/gzip"]
        root = xml.etree.ElementTree.fromstring(gzip.decompress(part.get_payload(decode=True)))
        found.setdefault(message["To"].strip("<>"), []).append((message, part.get_filename(), root))
    return found


def gathered(daemon):
    return {row["domain"]: row["messages"] for row in daemon.rows("show", "dmarc")}


@case()
def what_is_sent(t):
    """One row for equal messages, to those who may get it, over a kill; nothing is sent twice."""
    daemon = start(t, nameserver.Nsd(t, zones).address, 'contact "call us"')
    for _ in range(3):
        t.equal(send(daemon, "own.test"), 550)
    t.equal(send(daemon, "own.test", passes=True), 250)
    for domain in ("else.test", "not.test", "small.test", "silent.test"):
        t.equal(send(daemon, domain, passes=True), 250)
    wanted = {"own.test": 4, "else.test": 1, "not.test": 1, "small.test": 1}
    t.equal(gathered(daemon), wanted)
    time.sleep(1.5)
    daemon.kill()
    daemon.start()
    t.equal(gathered(daemon), wanted, "after a kill")
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: len(reports(daemon)) == 2, "two reports")
    t.eventually(lambda: gathered(daemon) == {}, "nothing is left")
    (message, name, root), = reports(daemon)["rua@own.test"]
    begin, end = root.findtext("report_metadata/date_range/begin"), root.findtext("report_metadata/date_range/end")
    server = re.match(r"([^!]+)!", name).group(1)
    t.equal(name, f"{server}!own.test!{begin}!{end}.xml.gz")
    t.equal(re.sub(r"\s+", " ", message["Subject"]),
            f"Report Domain: own.test Submitter: {server} Report-ID: <own.test-{begin}-{end}>")
    t.true("dmarc@mx.example.test" in message["From"], message["From"])
    t.true(int(begin) <= int(end) <= time.time(), f"{begin} {end}")
    t.equal([root.findtext("report_metadata/" + one) for one in ("org_name", "email", "extra_contact_info")],
            ["Example & Co", "dmarc@mx.example.test", "call us"])
    t.equal([root.findtext("policy_published/" + one) for one in ("domain", "adkim", "aspf", "p", "sp", "pct")],
            ["own.test", "s", "r", "reject", "none", "100"])
    rows = sorted([record.findtext(one) for one in (
        "row/source_ip", "row/count", "row/policy_evaluated/disposition", "row/policy_evaluated/dkim",
        "row/policy_evaluated/spf", "identifiers/header_from", "identifiers/envelope_from",
        "auth_results/spf/domain", "auth_results/spf/scope", "auth_results/spf/result")]
        for record in root.findall("record"))
    t.equal(rows, [[here, "1", "none", "fail", "pass", "own.test", "own.test", "own.test", "mfrom", "pass"],
                   ["127.0.0.3", "3", "reject", "fail", "fail", "own.test", "own.test", "own.test", "mfrom", "fail"]])
    t.equal(len(reports(daemon)["rua@good.test"]), 1, "which has agreed")
    skipped = {event["domain"]: event["reason"] for event in daemon.events("dmarc.report_skipped")}
    t.true("agreed" in skipped["not.test"] and "small" in skipped["small.test"], str(skipped))
    daemon.control_ok("send", "dmarc")
    t.equal(send(daemon, "own.test", passes=True), 250)
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: len(reports(daemon)["rua@own.test"]) == 2, "only of what came later")
    ends = sorted((int(root.findtext("report_metadata/date_range/begin")),
                   int(root.findtext("report_metadata/date_range/end")))
                  for _, _, root in reports(daemon)["rua@own.test"])
    t.true(ends[0][1] < ends[1][0], f"periods do not overlap: {ends}")
    t.equal(len(reports(daemon)["rua@good.test"]), 1)


@case()
def reports_of_failures(t):
    """Only where they are allowed, of what the record asks for, to those who agree; with a limit."""
    fails = {name: [spf, f'_dmarc TXT "v=DMARC1; p=none; ruf=mailto:{ruf}; {more}"'] for name, ruf, more in (
        ("own.test", "ruf@own.test", ""), ("else.test", "ruf@good.test", "fo=1"),
        ("not.test", "ruf@bad.test", "fo=1"), ("other.test", "ruf@other.test", "fo=d"))}
    resolver = nameserver.Nsd(t, {**zones, **fails}).address
    daemon = start(t, resolver, "failures 40")
    for domain in fails:
        t.equal(send(daemon, domain), 250)
    t.equal(send(daemon, "own.test", passes=True), 250)
    t.equal(send(daemon, "else.test", passes=True), 250)  # without a signature
    t.eventually(lambda: len(failures(daemon)) == 3, "reports")
    report = [one for one in failures(daemon) if one["To"] == "<ruf@own.test>"][0]
    t.equal((report.get_content_type(), report.get_param("report-type")), ("multipart/report", "feedback-report"))
    said, facts, header = report.get_payload()
    t.true("name of own.test came from 127.0.0.3" in said.get_payload(), said)
    t.equal(facts.get_content_type(), "message/feedback-report")
    facts = facts.get_payload()[0]
    t.equal([facts[name] for name in ("Feedback-Type", "Auth-Failure", "Original-Mail-From", "Source-IP",
                                      "Reported-Domain", "Delivery-Result", "Identity-Alignment")],
            ["auth-failure", "dmarc", "<a@own.test>", "127.0.0.3", "own.test", "delivered", "none"])
    t.true("dmarc=fail" in facts["Authentication-Results"], facts["Authentication-Results"])
    t.equal(header.get_content_type(), "text/rfc822-headers")
    t.true("Subject: hello" in header.get_payload() and "Hello." not in header.get_payload(), header)
    skipped = {event["domain"]: event["reason"] for event in daemon.events("dmarc.report_skipped")}
    t.true("agreed" in skipped["not.test"], str(skipped))
    for _ in range(5):
        t.equal(send(daemon, "own.test"), 250)
    t.eventually(lambda: len(failures(daemon)) == 6, "up to a tenth of them")
    figures = daemon.statistics()
    t.equal((figures["ringpost_dmarc_failures_total"], figures["ringpost_dmarc_failures_over_total"]), (7, 2))
    t.equal(send(daemon, "own.test", subject="Report Domain: x.test Submitter: y.test Report-ID: <1>", passes=True), 250)
    t.equal(len(daemon.events("dmarc.failure_queued")), 6)
    off = start(t, resolver)
    t.equal(send(off, "own.test"), 250)
    t.equal(off.statistics()["ringpost_dmarc_failures_total"], 0)


def failures(daemon):
    found = []
    for path in maildir.files(daemon.maildir_of("bob")):
        with open(path, "rb") as file:
            message = email.message_from_bytes(file.read())
        if "failure report" in message["Subject"] and message["Return-Path"] == "<>":
            found.append(message)
    return found


@case()
def when_a_period_is_over(t):
    """Without an order; and none for reports of others alone."""
    daemon = start(t, nameserver.Nsd(t, zones).address, "interval 10s")
    t.equal(send(daemon, "own.test", passes=True), 250)
    t.equal(send(daemon, "else.test", passes=True, subject="Report Domain: x Submitter: y"), 250)
    t.eventually(lambda: "rua@own.test" in reports(daemon), "the report", seconds=30)
    t.eventually(lambda: gathered(daemon) == {}, "nothing is left")
    t.equal(list(reports(daemon)), ["rua@own.test"])


@case()
def what_bounces(t):
    """A bounce of a report is told of with other mail, but is no reason for a report of its own."""
    rule = 'match from any for domain "mx.example.test" action "local all"\n'
    action = 'action "local all" maildir "{mail}/other" virtual <all> userbase <base>\n'
    daemon = start(t, nameserver.Nsd(t, zones).address, out=action + rule + to_others)
    bounce = {"sender": "", "to": "DMARC@mx.example.test"}
    t.equal(send(daemon, "else.test", **bounce), 250)
    t.equal(send(daemon, "own.test", sender="", passes=True), 550)
    t.equal(gathered(daemon), {"else.test": 1, "own.test": 1})
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: "rua@own.test" in reports(daemon), "the null path to others counts")
    t.eventually(lambda: gathered(daemon) == {}, "nothing is left")
    t.equal(list(reports(daemon)), ["rua@own.test"])
    for path in (bounce, {}):
        t.equal(send(daemon, "else.test", **path), 250)
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: "rua@good.test" in reports(daemon), "the report")
    (_, _, root), = reports(daemon)["rua@good.test"]
    t.equal(sum(int(one.text) for one in root.findall("record/row/count")), 2)


@case()
def without_a_way(t):
    """What the rules refuse is told in the log, and not tried for ever."""
    daemon = start(t, nameserver.Nsd(t, zones).address, out="")
    t.equal(send(daemon, "own.test", passes=True), 250)
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: daemon.events("dmarc.report_skipped"), "a line in the log")
    t.eventually(lambda: gathered(daemon) == {}, "it is given up")
    folder = os.path.join(daemon.home, "spool", "reports") if hasattr(daemon, "home") else ""
    if os.path.isdir(folder):
        t.equal([one for one in os.listdir(folder) if one.startswith("rows")], [])


@case()
def without_the_line(t):
    """What was gathered before the line was taken out stays for three days, and no longer."""
    daemon = start(t, nameserver.Nsd(t, zones).address)
    t.equal(send(daemon, "own.test", passes=True), 250)
    t.equal(gathered(daemon), {"own.test": 1})
    daemon.stop()
    folder = os.path.join(daemon.home, "spool", "reports")
    (name,) = [one for one in os.listdir(folder) if one.startswith("rows")]
    old = "rows.1000.1999.7.0"
    with open(os.path.join(folder, name), "rb") as rows, open(os.path.join(folder, old), "wb") as copy:
        copy.write(rows.read())
    daemon.text = re.sub(r"dmarc reports [^\n]*\n", "", daemon.text)
    daemon.start()
    t.eventually(lambda: old not in os.listdir(folder), "the old file is gone")
    t.true(name in os.listdir(folder), "the other one is there")
    t.equal(gathered(daemon), {"own.test": 1})


@case()
def what_cannot_be_read(t):
    """Rows whose file cannot be opened for now are not thrown away, and are told of later."""
    daemon = start(t, nameserver.Nsd(t, zones).address)
    t.equal(send(daemon, "own.test", passes=True), 250)
    t.equal(gathered(daemon), {"own.test": 1})
    folder = os.path.join(daemon.home, "spool", "reports")
    (name,) = [one for one in os.listdir(folder) if one.startswith("rows")]
    kept = os.path.join(folder, "kept")
    os.rename(os.path.join(folder, name), kept)
    os.symlink("kept", os.path.join(folder, name))  # links are not followed: it cannot be opened
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: [one for one in daemon.events("dmarc.report_skipped")
                          if "cannot be read" in one["reason"]], "a line in the log")
    (link,) = [one for one in os.listdir(folder) if one.startswith("rows")]
    os.rename(kept, os.path.join(folder, link))
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: "rua@own.test" in reports(daemon), "the report")


@case()
def one_of_two_is_out_of_reach(t):
    """Who can be reached does not wait for whom the DNS says nothing about, and gets it once."""
    daemon = start(t, nameserver.Nsd(t, zones).address)
    t.equal(send(daemon, "both.test", passes=True), 250)
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: "rua@both.test" in reports(daemon), "the report")
    t.eventually(lambda: [one for one in daemon.events("dmarc.report_skipped")
                          if one["to"] == "rua@unserved.example"], "a line in the log")
    t.equal(gathered(daemon), {"both.test": 1}, "the other one is tried again")
    daemon.control_ok("send", "dmarc")
    t.eventually(lambda: len([one for one in daemon.events("dmarc.report_skipped")
                              if one["to"] == "rua@unserved.example"]) > 1, "another try")
    t.equal(len(reports(daemon)["rua@both.test"]), 1)

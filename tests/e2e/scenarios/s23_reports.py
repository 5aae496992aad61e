"""Reports to senders: failures, delays and success, as RFC 3461 and RFC 3464 have them."""
import email
import email.policy
import functools
import os
import time

from harness import lmtp, mail, maildir, messages
from harness.case import case
from harness.daemon import default_match, free_port

send = functools.partial(mail.send, sender="alice@example.test")

by_user = "virtual <users> userbase <base>"


def failing(t, code="exit 3", users=("alice", "bob", "carol"), **options):
    """A daemon that delivers alice's mail and fails the others' by a command."""
    path = t.path("fail")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\ncat > /dev/null\necho no $USER here\n{code}\n")
    os.chmod(path, 0o755)
    return t.daemon(users=users, rules=[
        f'action "local" maildir {by_user}', f'action "fail" mda "{path}" {by_user}',
        'match from any for rcpt-to "alice@example.test" action "local"',
        default_match.replace('"local"', '"fail"')], **options)


def octets_of(path):
    with open(path, "rb") as file:
        return file.read()


def reports(t, daemon, count=1):
    """The files of alice's Maildir once there are so many."""
    path = daemon.maildir_of("alice")
    t.eventually(lambda: maildir.count(path) >= count, f"{count} reports")
    return maildir.files(path)


def parsed(path):
    """The report's three parts: the whole, the text, the groups of status fields, what came back."""
    whole = email.message_from_bytes(octets_of(path), policy=email.policy.default)
    parts = list(whole.iter_parts())
    return whole, parts[0].get_content(), parts[1].get_payload(), parts[2]


def expect_report(t, message, identifier, *recipients, action="failed"):
    whole, text, groups, returned = parsed(message)
    t.equal(whole.get_content_type(), "multipart/report")
    t.equal(whole.get_param("report-type"), "delivery-status")
    t.equal(whole["Return-Path"], "<>", "reverse path")
    t.true("MAILER-DAEMON@" in whole["From"] and whole["Auto-Submitted"] == "auto-replied", "From")
    t.equal(groups[0]["X-Ringpost-Queue-Id"], identifier)
    t.equal(sorted(group["Final-Recipient"].partition("; ")[2] for group in groups[1:]),
            sorted(recipients))
    t.equal({group["Action"] for group in groups[1:]}, {action})
    return text, groups, returned


@case()
def a_failure_is_told(t):
    """One report for the recipients of a message, with the reason and the message; then all of it
    has left the queue."""
    daemon = failing(t)
    identifier = send(daemon, 1, "bob@example.test", "carol@example.test", mail=" ENVID=QQ+2B1",
                      rcpt=" ORCPT=rfc822;Someone@old.test")
    [report] = reports(t, daemon)
    text, groups, returned = expect_report(t, report, identifier, "bob@example.test",
                                           "carol@example.test")
    t.equal(groups[0]["Original-Envelope-Id"], "QQ+1")
    t.equal({group["Original-Recipient"] for group in groups[1:]}, {"rfc822; Someone@old.test"})
    t.equal({group["Status"] for group in groups[1:]}, {"5.3.0"})
    t.true("no bob here" in text and "no carol here" in text, text)
    t.equal(returned.get_content_type(), "message/rfc822")
    inner = returned.get_payload(0)
    t.equal((inner["X-Number"], inner.get_content().strip()), ("1", "The text of message 1."))
    daemon.wait_queue_empty()
    t.equal(len(daemon.events("report.queued")), 1)
    t.equal(daemon.statistics()["ringpost_delivery_reports_total"], 1)


@case()
def wishes_of_the_sender(t):
    """NOTIFY and RET: none, the header only, the whole of a large message, and success."""
    daemon = failing(t)
    send(daemon, 1, "bob@example.test", rcpt=" NOTIFY=NEVER")
    send(daemon, 2, "bob@example.test", rcpt=" NOTIFY=DELAY")
    daemon.wait_queue_empty()
    t.equal(maildir.count(daemon.maildir_of("alice")), 0, "reports that nobody wanted")
    headers = send(daemon, 3, "bob@example.test", mail=" RET=HDRS")
    [report] = reports(t, daemon)
    _, _, returned = expect_report(t, report, headers, "bob@example.test")
    t.equal(returned.get_content_type(), "text/rfc822-headers")
    t.true("X-Number: 3" in returned.get_content() and
           "The text" not in returned.get_content(), returned.get_content())
    os.remove(report)
    full = send(daemon, 4, "bob@example.test", mail=" RET=FULL", octets=300_000)
    [report] = reports(t, daemon)
    _, _, returned = expect_report(t, report, full, "bob@example.test")
    body = messages.simple(4, 300_000).replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    t.true(body.rstrip() in
           octets_of(report), "the whole body")
    os.remove(report)
    large = send(daemon, 5, "bob@example.test", octets=300_000)
    [report] = reports(t, daemon)
    _, _, returned = expect_report(t, report, large, "bob@example.test")
    t.equal(returned.get_content_type(), "text/rfc822-headers", "without RET a large one")
    os.remove(report)
    success = send(daemon, 6, "alice@example.test", rcpt=" NOTIFY=SUCCESS")
    [report] = [path for path in reports(t, daemon, 2) if b"X-Number: 6" not in
                octets_of(path).partition(b"\n\n")[0]]
    expect_report(t, report, success, "alice@example.test", action="delivered")
    daemon.wait_queue_empty()


@case()
def no_report_about_a_report(t):
    """A message from the null sender that fails is over, and said so in the log."""
    daemon = failing(t)
    send(daemon, 1, "bob@example.test", sender="")
    daemon.wait_queue_empty()
    t.eventually(lambda: [e["result"] for e in daemon.events("attempt.finished")] == ["failed"],
                 "the log names the failure")
    t.equal(daemon.events("report.queued"), [])
    t.equal(maildir.count(daemon.maildir_of("alice")), 0, "messages for anybody")


@case()
def no_way_to_the_sender(t):
    """What cannot be told is held for the operator, and nothing is lost."""
    daemon = failing(t)
    identifier = send(daemon, 1, "bob@example.test", sender="x@elsewhere.test")
    row = t.eventually(lambda: [r for r in daemon.queue() if r["state"] == "held"], "held")[0]
    t.equal((row["to"], row["attempts"]), ("bob@example.test", 1))
    daemon.stop()
    daemon.start()
    t.equal([r["state"] for r in daemon.queue()], ["held"], "after a restart")
    daemon.control_ok("remove", identifier)
    t.equal(daemon.queue(), [])


@case()
def delays_are_told_once_for_each_interval(t):
    """bounce warn-interval, over a restart as well; then the time to live ends and a failure is
    told."""
    daemon = failing(t, "exit 75", directives=["bounce warn-interval 2s, 4s", "queue ttl 7s",
                                               "queue retry-interval 1s"])
    identifier = send(daemon, 1, "bob@example.test")
    [first] = reports(t, daemon)
    text, groups, returned = expect_report(t, first, identifier, "bob@example.test",
                                           action="delayed")
    t.true(groups[1]["Will-Retry-Until"], "until when")
    t.equal(returned.get_content_type(), "text/rfc822-headers")
    t.true("no bob here" in text, text)
    daemon.stop()
    daemon.start()
    actions = [parsed(report)[2][1]["Action"] for report in reports(t, daemon, 3)]
    t.equal(sorted(actions), ["delayed", "delayed", "failed"])
    daemon.wait_queue_empty()
    time.sleep(1)
    t.equal(maildir.count(daemon.maildir_of("alice")), 3, "no more of them")


@case()
def senders_behind_a_dead_server_are_told(t):
    """Most of a backlog never has an attempt of its own; every sender hears of the delay, and of the end."""
    count = 12
    daemon = t.daemon(
        rules=[f'action "local" maildir {by_user}',
               f'action "out" relay host "smtp+notls://127.0.0.1:{free_port()}"',
               'match from any for rcpt-to "alice@example.test" action "local"',
               'match from any for any action "out"'],
        directives=["bounce warn-interval 1s", "queue ttl 8s", "queue retry-interval 1s"])
    for number in range(count):
        send(daemon, number, "bob@elsewhere.test")
    path = daemon.maildir_of("alice")
    t.eventually(lambda: maildir.count(path) >= 2 * count, "all are told", 40)
    daemon.wait_queue_empty()
    told = [parsed(report)[2][1] for report in reports(t, daemon, 2 * count)]
    t.equal(sorted(group["Action"] for group in told), ["delayed"] * count + ["failed"] * count)
    t.equal({group["Final-Recipient"] for group in told}, {"rfc822; bob@elsewhere.test"})
    texts = [parsed(report)[1] for report in reports(t, daemon, 2 * count)]
    t.true(all("Connection refused" in text for text in texts), "the reason is in every report")
    away = daemon.events("destination.left-alone")
    t.true(away and "Connection refused" in away[0]["reason"], "the log says who is left alone")
    tried = {e["id"] for e in daemon.events("attempt.finished")
             if e["action"] == "out" and e["attempt"] != "0"}
    t.true(len(tried) < count, "not all of them were tried")


@case()
def what_another_server_said_is_in_the_report(t):
    """The reply of an LMTP server, and its name."""
    server = lmtp.Server(t)
    server.at_rcpt["bob"] = "550 5.1.1 No such user"
    daemon = t.daemon(rules=[
        f'action "local" maildir {by_user}',
        f'action "elsewhere" lmtp "{server.destination}" {by_user}',
        'match from any for rcpt-to "alice@example.test" action "local"',
        default_match.replace('"local"', '"elsewhere"')])
    identifier = send(daemon, 1, "bob@example.test")
    [report] = reports(t, daemon)
    text, groups, _ = expect_report(t, report, identifier, "bob@example.test")
    t.equal(groups[1]["Status"], "5.1.1")
    t.true("550" in groups[1]["Diagnostic-Code"] and "No such user" in text, text)
    t.equal(groups[1]["Remote-MTA"], "dns; 127.0.0.1")


@case()
def killed_before_the_outcome(t):
    """SIGKILL while messages fail: each sender hears of it at least once, and nothing stays."""
    daemon = failing(t, "sleep 0.05; exit 3")
    told = set()
    for life in range(3):
        ids = [send(daemon, life * 20 + n, "bob@example.test") for n in range(20)]
        told.update(ids)
        daemon.kill()
        daemon.start()
    daemon.wait_queue_empty(60)
    groups = [parsed(report)[2][0]["X-Ringpost-Queue-Id"] for report in maildir.files(daemon.maildir_of("alice"))]
    t.equal(set(groups), told, "messages whose sender was told")
    t.note(f"{len(groups) - len(told)} told twice")

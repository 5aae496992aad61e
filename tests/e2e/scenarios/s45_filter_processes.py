"""Filter processes: what they are told, what they decide, and what becomes of sessions when they
fail."""
import os
import re
import signal

from harness import filter_program, ledger, maildir, smtp
from harness.case import case
from harness.daemon import free_port
from harness.sink import Sink

program = os.path.abspath(filter_program.__file__)


def start(t, filters, chain="f", cores=1, options="", **more):
    """A daemon with a plain listener and one with these filters; {log} in them is a file."""
    port = free_port()
    log = t.path("filter.log")
    with open(log, "w", encoding="utf-8"):
        pass
    os.chmod(log, 0o666)
    text = filters.replace("{program}", program).replace("{log}", log)
    daemon = t.daemon(users=["alice"], text=(
        f'resolver 127.0.0.1:9 timeout 200ms attempts 1\nengine cores {cores}\n{options}'
        'table users { "alice@example.test" = "alice" }\n'
        'table base { "alice" = "{owner}:{mail}/alice" }\n'
        f'{text}listen on 127.0.0.1 port {{port}} hostname plain.example.test\n'
        f'listen on 127.0.0.1 port {port} hostname mx.example.test filter {chain}\n'
        'action "local" maildir "{mail}/%{user.username}/Maildir" junk virtual <users>'
        ' userbase <base>\n'
        'match from any for domain "example.test" action "local"\n'), **more)
    daemon.filtered, daemon.filter_log = port, log
    return daemon


def connect(daemon, **options):
    return smtp.Client("127.0.0.1", daemon.filtered, **options)


def heard(daemon):
    with open(daemon.filter_log, encoding="utf-8") as file:
        return file.read().splitlines()


def figures(daemon):
    return {name: value for name, value in daemon.statistics().items() if "filter" in name}


def words(lines, session):
    """Lines of one session as "event|fields", without version, time, session and tokens."""
    result = []
    for line in lines:
        parts = line.split("|")
        if parts[0] not in ("report", "filter") or session not in parts[5]:
            continue
        head = parts[4] if parts[0] == "report" else "? " + parts[4]
        rest = parts[6:] if parts[0] == "report" else parts[7:]
        result.append(smtp.token_behind.sub("", "|".join([head, *rest])))
    return result


def figure(daemon, name, filter="f"):
    """One of the figures of a process, as `show stats` has it."""
    found = [value for key, value in figures(daemon).items()
             if f"ringpost_filter_{name}" in key and f'"{filter}"' in key]
    return float(found[0]) if found else 0.0


def filter_pid(t, daemon, name=b"filter_program"):
    """The process itself; the parent is its parent."""
    def find():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    line = file.read()
            except OSError:
                continue
            if name in line and daemon.filter_log.encode() in line and b"python" in line[:40]:
                return int(pid)
        return None
    return t.eventually(find, "a filter process")


content = b"Subject: x\r\n\r\none\r\n..two\r\n.\r\nthree\r\n"


@case()
def what_it_hears(t):
    """One whole session, in the words of smtpd-filters(7) 0.6."""
    phases = "connect helo ehlo mail-from rcpt-to data commit".split()
    daemon = start(t, 'filter f proc-exec "{program} {log} line=same ' +
                   " ".join(f"{phase}=proceed" for phase in phases) + '"\n')
    with connect(daemon, source="127.0.0.2") as client:
        client.expect("EHLO client.test", 250)
        client.expect("MAIL FROM:<a@x.test>", 250)
        client.expect("RCPT TO:<nobody@example.test>", 550)
        client.expect("RCPT TO:<alice@example.test>", 250)
        client.expect("DATA", 354)
        client.send(smtp.stuffed(content))
        identifier = client.expect_reply(250).queue_id
        client.quit()
    daemon.wait_delivered(1)
    t.eventually(lambda: any("link-disconnect" in line for line in heard(daemon)), "the end")
    lines = heard(daemon)
    t.equal([line.split("|")[0:2] for line in lines[:5]],
            [["config", "smtpd-version"], ["config", "protocol"], ["config", "smtp-session-timeout"],
             ["config", "subsystem"], ["config", "admd"]])
    session = [line.split("|")[5] for line in lines if "|link-connect|" in line][-1]
    t.equal(len(session), 16)
    spoken = words(lines, session)
    source = spoken[0].split("|")[3]
    t.true(source.startswith("127.0.0.2:"), source)
    trace = [one for one in spoken if one.startswith("? data-line|")]
    t.true(trace[0].startswith("? data-line|Received: from client.test"), trace[0])
    t.equal(trace[-6:], [f"? data-line|{one}" for one in
                         ("", "one", "...two", "..", "three", ".")])
    plain = [one for one in spoken if not one.startswith("? data-line|")
             and not one.startswith("protocol-server|250-")]
    here = f"127.0.0.1:{daemon.filtered}"
    t.equal(plain, [
        f"link-connect|<unknown>|error|{source}|{here}", "? connect|<unknown>|127.0.0.2",
        "filter-response|connected|proceed", "link-greeting|mx.example.test",
        "protocol-server|220 mx.example.test ESMTP Ringpost",
        "protocol-client|EHLO client.test", "? ehlo|client.test", "filter-response|ehlo|proceed",
        "link-identify|EHLO|client.test", "protocol-server|250 HELP",
        "protocol-client|MAIL FROM:<a@x.test>", "? mail-from|a@x.test",
        "filter-response|mail-from|proceed", f"tx-begin|{identifier}",
        f"tx-mail|{identifier}|ok|a@x.test", "protocol-server|250 2.1.0 Sender ok",
        "protocol-client|RCPT TO:<nobody@example.test>", "? rcpt-to|nobody@example.test",
        "filter-response|rcpt-to|proceed", f"tx-rcpt|{identifier}|permfail|nobody@example.test",
        "protocol-server|550 5.1.1 Recipient address rejected: no such user",
        "protocol-client|RCPT TO:<alice@example.test>", "? rcpt-to|alice@example.test",
        "filter-response|rcpt-to|proceed", f"tx-envelope|{identifier}|{identifier}0000",
        f"tx-rcpt|{identifier}|ok|alice@example.test", "protocol-server|250 2.1.5 Recipient ok",
        "protocol-client|DATA", "? data|", "filter-response|data|proceed",
        f"tx-data|{identifier}|ok",
        'protocol-server|354 End data with <CRLF>.<CRLF>',
        "? commit|", "filter-response|commit|proceed", f"tx-commit|{identifier}|{len(content)}",
        f"tx-reset|{identifier}", f"protocol-server|250 2.0.0 Ok: queued as {identifier}",
        "protocol-client|QUIT", "protocol-server|221 2.0.0 Bye", "link-disconnect"])
    (message,) = maildir.read(daemon.maildir_of("alice"))
    t.true(message.holds(content), "the content as it was")


@case()
def decisions(t):
    """Each of them in each phase, with the filter's own text."""
    answers = {"connect": "proceed", "helo": "reject|550 5.7.9 not you", "ehlo": "rewrite|new.test",
               "mail-from": "rewrite|<new@x.test>", "rcpt-to": "report|seen",
               "data": "junk", "commit": "junk"}
    daemon = start(t, 'filter f proc-exec "{program} {log} ' +
                   " ".join(f"'{phase}={answer}'" for phase, answer in answers.items()) + '"\n')
    with connect(daemon) as client:
        t.equal(str(client.expect("HELO client.test", 550)), "550 5.7.9 not you")
        client.hello()
        client.transaction(b"Subject: x\r\n\r\nx\r\n")
        client.quit()
    daemon.wait_queue_empty()
    junk = os.path.join(daemon.maildir_of("alice"), ".Junk")
    (path,) = maildir.files(junk)
    with open(path, "rb") as file:
        text = file.read()
    t.true(b"Return-Path: <new@x.test>" in text and b"from new.test " in text, text)
    t.equal([(one["phase"], one["decision"]) for one in daemon.events("filter.decided")],
            [("helo", "reject"), ("ehlo", "rewrite"), ("mail-from", "rewrite"),
             ("rcpt-to", "report"), ("data", "junk"), ("commit", "junk")])
    t.true(any("|filter-report|" in line and line.endswith("|proc|f|seen")
               for line in heard(daemon)), "a report of the report")


@case()
def refusals(t):
    """reject and disconnect, at the greeting and at the end of content; nonsense is 421."""
    for phase, answer, reply, closes in (
            ("connect", "disconnect|550 go away", "550 go away", True),
            ("connect", "reject|554 no", "554 no", False),
            ("rcpt-to", "disconnect|421 later", "421 4.7.1 later", True),
            ("commit", "reject|550 spam", "550 5.7.1 spam", False),
            ("commit", "disconnect|550 5.7.0 spam", "550 5.7.0 spam", True),
            ("mail-from", "reject|nonsense", "421 4.3.0 Internal server error", True)):
        daemon = start(t, f'filter f proc-exec "{{program}} {{log}} \'{phase}={answer}\'"\n')
        with connect(daemon, banner=False) as client:
            said = client.reply()
            if said.code == 220:
                client.hello()
                lines = ["MAIL FROM:<a@x.test>", "RCPT TO:<alice@example.test>", "DATA", "x\r\n."]
                for line in lines:
                    said = client.command(line)
                    if said.code >= 400:
                        break
            t.equal(str(said), reply, phase)
            if closes:
                t.true(client.at_end(), "the end")
            else:
                client.quit()
        t.equal(maildir.count(daemon.maildir_of("alice")), 0)
        daemon.stop()


@case()
def content_is_changed(t):
    """By two filters, one after the other, in pieces and as a whole; dots stay what they are."""
    daemon = start(t, 'filter f proc-exec "{program} {log} line=s/one/two/"\n'
                   'filter g proc-exec "{program} {log} line=s/two/three/ hold quiet"\n',
                   "{ f, g }", cores=2)
    sent = b"Subject: one\r\n\r\n" + b"one two .\r\n.\r\n..\r\n" * 20_000
    wanted = sent.replace(b"one", b"three").replace(b"two", b"three")
    for _ in range(4):
        with connect(daemon) as client:
            client.hello()
            client.transaction(sent)
            client.quit()
    with connect(daemon) as client:
        client.hello()
        client.transaction(sent, mode="bdat")
        client.quit()
    daemon.wait_delivered(5)
    for message in maildir.read(daemon.maildir_of("alice")):
        t.true(message.holds(wanted), "what both made of it")


@case()
def one_process_twice(t):
    """A process that stands twice in a chain is asked once."""
    daemon = start(t, 'proc p "{program} {log} line=s/one/oneone/"\nfilter f proc p\n'
                   'filter g proc p\n', "{ f, g }")
    with connect(daemon) as client:
        client.hello()
        client.transaction(b"Subject: x\r\n\r\none\r\n")
        client.quit()
    daemon.wait_delivered(1)
    (message,) = maildir.read(daemon.maildir_of("alice"))
    t.true(message.holds(b"Subject: x\r\n\r\noneone\r\n"), "changed once")


@case()
def a_slow_second_filter(t):
    """What the first gives back at once waits for the second, and nobody else's session suffers."""
    daemon = start(t, 'filter f proc-exec "{program} {log} line=same hold quiet"\n'
                   'filter g proc-exec "{program} {log} line=same slow"\n', "{ f, g }")
    sent = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 160_000
    with connect(daemon) as client, connect(daemon) as other:
        client.hello()
        other.hello()
        client.envelope()
        client.expect("DATA", 354)
        client.send(smtp.stuffed(sent))
        for _ in range(20):
            other.expect("NOOP", 250)
        client.socket.settimeout(60)
        client.expect_reply(250)
        other.expect("MAIL FROM:<a@x.test>", 250)
        client.quit()
    daemon.wait_delivered(1)
    (message,) = maildir.read(daemon.maildir_of("alice"))
    t.true(message.holds(sent), "the content as it was")


@case()
def a_client_that_leaves(t):
    """In the middle of content that a filter holds: nothing comes of it, and the next is served."""
    daemon = start(t, 'filter f proc-exec "{program} {log} line=same hold"\n')
    for _ in range(20):
        with connect(daemon) as client:
            client.hello()
            client.envelope()
            client.expect("DATA", 354)
            client.send(b"Subject: half\r\n\r\n" + b"x" * 70 + b"\r\n")
            client.reset()
    with connect(daemon) as client:
        client.hello()
        client.transaction(content)
        client.quit()
    daemon.wait_delivered(1)
    t.eventually(lambda: sum("|tx-rollback|" in line for line in heard(daemon)) == 20, "rollbacks")


@case()
def killed(t):
    """Sessions that it knew hear 421, others do not notice; it is started again."""
    daemon = start(t, 'filter f proc-exec "{program} {log} mail-from=proceed"\n')
    with connect(daemon) as client, connect(daemon) as idle, daemon.client() as other:
        client.hello()
        idle.hello()
        other.hello()
        client.transaction(content)
        pid = filter_pid(t, daemon)
        os.kill(pid, signal.SIGKILL)
        t.eventually(lambda: daemon.events("filter.ended"), "its end in the log")
        t.equal(client.command("MAIL FROM:<a@x.test>").code, 421)
        t.true(client.at_end(), "the end")
        other.transaction(content)
        other.quit()
        t.equal(idle.command("MAIL FROM:<a@x.test>").code, 421)
    t.eventually(lambda: filter_pid(t, daemon) != pid, "another process")
    with connect(daemon) as client:
        client.hello()
        client.transaction(content)
        client.quit()
    daemon.wait_delivered(3)


@case()
def hanging(t):
    """No answer: 421 after answer-timeout, and mail goes on where the filter may be left out."""
    for option, code in (("", 421), (" fail-open", 250)):
        daemon = start(t, 'filter f proc-exec "{program} {log} mail-from=hang" answer-timeout 1s'
                       f'{option}\n')
        with connect(daemon) as client, daemon.client() as other:
            client.hello()
            other.hello()
            client.send(b"MAIL FROM:<a@x.test>\r\n")
            other.transaction(content)
            client.expect_reply(code)
            if code == 250:
                client.expect("RCPT TO:<alice@example.test>", 250)
                client.quit()
        daemon.stop()


@case()
def dying_with_content(t):
    """What it has of a message is lost with it, so the message is refused, fail-open or not."""
    daemon = start(t, 'filter f proc-exec "{program} {log} line=same hold" fail-open\n')
    with connect(daemon) as client:
        client.hello()
        client.envelope()
        client.expect("DATA", 354)
        client.send(b"Subject: x\r\n\r\nhalf\r\n")
        t.eventually(lambda: any("|half" in line for line in heard(daemon)), "half of it there")
        os.kill(filter_pid(t, daemon), signal.SIGKILL)
        t.eventually(lambda: daemon.events("filter.ended"), "its end in the log")
        client.send(b"rest\r\n.\r\n")
        t.equal(str(client.expect_reply(451)),
                "451 4.3.0 A filter is not available; try again later")
        client.expect("NOOP", 250)
        client.quit()
    t.equal(maildir.count(daemon.maildir_of("alice")), 0)


@case()
def of_a_relay(t):
    """It hears what is said to the other server, as subsystem smtp-out, and decides nothing."""
    sink = Sink(t, rules=("rcpt recipient no@out.test reply 550 5.1.1 refused",))
    log = t.path("filter.log")
    with open(log, "w", encoding="utf-8"):
        pass
    os.chmod(log, 0o666)
    daemon = t.daemon(text=(
        'resolver 127.0.0.1:9 timeout 200ms attempts 1\nengine cores 2\n'
        f'filter f proc-exec "{program} {log} out"\n'
        'listen on 127.0.0.1 port {port} hostname relay.test\n'
        f'action "out" relay host "{sink.address}" helo "relay.test" filter f\n'
        'match from any for any action "out"\n'))
    daemon.filter_log = log
    t.eventually(lambda: daemon.events("filter.ready"), "the process")
    with daemon.client() as client:
        client.hello()
        client.transaction(content, recipients=("a@out.test", "no@out.test"))
        client.quit()
    t.eventually(lambda: any("|link-disconnect|" in line for line in heard(daemon)), "the end", 30)
    lines = heard(daemon)
    t.true("config|subsystem|smtp-out" in lines, lines[:8])
    session = [line.split("|")[5] for line in lines if "|link-connect|" in line][0]
    told = [one for one in words(lines, session) if not one.startswith("protocol-")]
    t.true(told[0].startswith("link-connect|<unknown>|error|127.0.0.1:0|127.0.0.1:"), told[0])
    begun = [one.split("|")[1] for one in told if one.startswith("tx-begin|")]
    told = "\n".join(told[2:])
    for number, identifier in enumerate(begun):
        told = told.replace(identifier, f"m{number}")
    told = re.sub(r"(tx-commit\|..\|)\d+", r"\1N", told)
    t.equal(told.split("\n"), [
        "link-identify|EHLO|relay.test",
        "tx-begin|m0", "tx-mail|m0|ok|sender@client.test", "tx-envelope|m0|m00000",
        "tx-rcpt|m0|ok|a@out.test", "tx-envelope|m0|m00001", "tx-rcpt|m0|permfail|no@out.test",
        "tx-data|m0|ok", "tx-commit|m0|N", "tx-reset|m0",
        "tx-begin|m1", "tx-mail|m1|ok|", "tx-envelope|m1|m10000",  # the report to the sender
        "tx-rcpt|m1|ok|sender@client.test", "tx-data|m1|ok", "tx-commit|m1|N", "tx-reset|m1",
        "link-disconnect"])
    spoken = [one for one in words(lines, session) if one.startswith("protocol-client|")]
    t.equal(spoken[0], "protocol-client|EHLO relay.test")
    t.true(all("|smtp-out|" in line for line in lines if line.startswith("report|")), "smtp-out")


@case()
def small_commands(t):
    """RSET, NOOP, HELP and QUIT, for a process that registered for them."""
    daemon = start(t, 'filter f proc-exec "{program} {log} rset=proceed'
                   " 'noop=reject|450 4.7.1 not so fast' 'help=disconnect|421 4.7.0 no help'"
                   ' quit=proceed"\n')
    with connect(daemon) as client:
        client.hello()
        client.expect("MAIL FROM:<a@x.test>", 250)
        client.expect("RSET", 250)
        client.expect("RCPT TO:<alice@example.test>", 503)
        t.equal(str(client.expect("NOOP", 450)), "450 4.7.1 not so fast")
        client.expect("VRFY alice", 252)
        client.quit()
    with connect(daemon) as client:
        client.hello()
        client.send(b"NOOP\r\nRSET\r\nHELP\r\nRSET\r\n")
        t.equal([client.reply().code for _ in range(3)], [450, 250, 421])
        t.true(client.at_end(), "the end")
    t.eventually(lambda: sum("|link-disconnect|" in line for line in heard(daemon)) == 2, "the end")
    asked = [line.split("|")[4] for line in heard(daemon) if line.startswith("filter|")]
    t.equal(asked, ["rset", "noop", "quit", "noop", "rset", "help"])


@case()
def junk_stays(t):
    """A process that takes the field away does not take back what a filter decided."""
    for edit, count in (("line=s/X-Spam: Yes/X-Other: No/", 1), ("line=same", 1)):
        daemon = start(t, 'filter j phase rcpt-to match rcpt-to "alice@example.test" junk\n'
                       f'filter f proc-exec "{{program}} {{log}} \'{edit}\'"\n', "{ j, f }")
        with connect(daemon) as client:
            client.hello()
            client.transaction(content)
            client.quit()
        daemon.wait_queue_empty()
        (path,) = maildir.files(os.path.join(daemon.maildir_of("alice"), ".Junk"))
        with open(path, "rb") as file:
            text = file.read()
        t.equal(text.count(b"X-Spam: Yes\r\n") + text.count(b"X-Spam: Yes\n"), count)
        daemon.stop()


@case()
def too_much_of_it(t):
    """A process that makes more of a message than may be received and a MiB: 552."""
    daemon = start(t, 'filter f proc-exec "{program} {log} \'line=s/x/' + "y" * 60 + '/\'"\n',
                   options="smtp max-message-size 100K\n")
    with connect(daemon) as client:
        client.hello()
        client.envelope()
        client.expect("DATA", 354)
        client.send(b"Subject: much\r\n\r\n" + (b"x" * 70 + b"\r\n") * 500 + b".\r\n")
        t.equal(client.reply().code, 552)
        client.expect("NOOP", 250)
        client.transaction(content)
        client.quit()
    daemon.wait_delivered(1)


def under_load(t, filters, trouble):
    """A load with filters and one without, and what trouble() does meanwhile to the process."""
    daemon = start(t, filters, cores=2)
    plain = ledger.Load(daemon, "plain", threads=3, sizes=(600, 4096))
    filtered = ledger.Load(daemon, "filtered", threads=3, sizes=(600, 4096), port=daemon.filtered)
    t.eventually(lambda: len(filtered.acknowledged) > 20, "a load")
    trouble(daemon)
    before = len(plain.acknowledged)
    t.eventually(lambda: len(plain.acknowledged) > before + 50, "the others go on")
    plain.stop()
    filtered.stop()
    t.equal((plain.broken, dict(plain.refused)), (0, {}), "other sessions were left alone")
    daemon.wait_queue_empty(60)
    acknowledged = dict(plain.acknowledged) | dict(filtered.acknowledged)
    ledger.account(t, daemon, acknowledged)
    t.note(f"{len(plain.acknowledged)} without, {len(filtered.acknowledged)} with the filter; "
           f"{sum(filtered.refused.values())} refused, {filtered.broken} cut off")
    return daemon, filtered


@case(seconds=120)
def killed_under_load(t):
    """Again and again: other sessions do not notice, and the deaths are counted."""
    def trouble(daemon):
        for _ in range(3):
            pid = filter_pid(t, daemon)
            os.kill(pid, signal.SIGKILL)
            t.eventually(lambda old=pid: filter_pid(t, daemon) != old, "another process")
    daemon, filtered = under_load(
        t, 'filter f proc-exec "{program} {log} mail-from=proceed line=same quiet"\n', trouble)
    t.true(figure(daemon, "deaths") >= 3 and figure(daemon, "starts") >= 4, figures(daemon))
    t.true(figure(daemon, "questions") > 0, figures(daemon))
    t.true(filtered.broken + sum(filtered.refused.values()) > 0, "its own sessions were cut off")


@case(seconds=120)
def hanging_under_load(t):
    """It reads nothing any more: its sessions end in time, another process takes its place, and
    other sessions do not notice."""
    def trouble(daemon):
        pid = filter_pid(t, daemon)
        os.kill(pid, signal.SIGSTOP)
        t.eventually(lambda: figure(daemon, "late") > 0, "answers that do not come")
        t.eventually(lambda: filter_pid(t, daemon) != pid, "another process in its place")
    daemon, _ = under_load(
        t, 'filter f proc-exec "{program} {log} mail-from=proceed line=same quiet"'
        " answer-timeout 1s\n", trouble)
    t.true(figure(daemon, "unavailable") > 0, figures(daemon))


@case(seconds=120)
def flooding_under_load(t):
    """It says what nobody asked, on both of its ways: counted, and nobody suffers."""
    def trouble(daemon):
        t.eventually(lambda: figure(daemon, "strays") > 10_000, "a flood")
        t.eventually(lambda: any("dropped" in one for one in daemon.events("filter.said")),
                     "errors are held back")
    _, filtered = under_load(
        t, 'filter f proc-exec "{program} {log} mail-from=proceed flood"\n', trouble)
    t.equal((filtered.broken, dict(filtered.refused)), (0, {}), "its own sessions go on, too")


@case()
def that_cannot_start(t):
    """A program that ends at once: 421 for its listener, and the other listener serves."""
    daemon = start(t, 'filter f proc-exec "/bin/false" answer-timeout 1s\n')
    with connect(daemon, banner=False) as client:
        client.expect_reply(421)
    with daemon.client() as client:
        client.hello()
        client.transaction(content)
        client.quit()
    daemon.wait_delivered(1)
    t.true(daemon.events("filter.ended"), "in the log")
    t.true(any("filter" in name for name in daemon.statistics()), "figures")

"""ringpost-load against the daemon and against its own sink: its figures and ledger are true."""
import json
import os
import re
import signal
import subprocess
import time

from harness import mail, messages
from harness.case import case
from harness.daemon import free_port
from harness.sink import Sink

load_id = re.compile(rb"^X-Ringpost-Load: (\S+)\r\n", re.MULTILINE)


def command(t, *arguments):
    return [t.program("ringpost-load"), *arguments]


def target(daemon):
    return f"127.0.0.1:{daemon.port}"


def read_ledger(path):
    with open(path, encoding="ascii") as file:
        return [line.strip() for line in file]


def delivered_ids(daemon):
    return [load_id.search(message.content).group(1).decode("ascii")
            for message in daemon.delivered()]


@case(seconds=120)
def figures_and_ledger(t):
    """Each way of sending: as many messages as it says, each id in the ledger once."""
    daemon = t.daemon()
    ledger = t.path("ledger")
    for how in ("--pipeline", "--no-pipeline", "--bdat", "--one-per-connection"):
        done = subprocess.run(
            command(t, "-c", "20", "-n", "500", "--sizes", "1k:5,20k:2,200k:1", how, "--json",
                    "--to", "alice@example.test", "--ledger", ledger, target(daemon)),
            capture_output=True, text=True, timeout=60, check=False)
        t.equal(done.returncode, 0, done.stdout + done.stderr)
        t.equal(json.loads(done.stdout)["messages"], 500, how)
    daemon.wait_queue_empty()
    ids = read_ledger(ledger)
    t.equal(len(ids), 2000, "acknowledged")
    t.equal(sorted(delivered_ids(daemon)), sorted(ids), "delivered ids")


@case(seconds=60)
def failures_are_told(t):
    """Refused messages make exit status 1, wrong usage 2, and nobody listening 1."""
    daemon = t.daemon()
    done = subprocess.run(command(t, "-c", "2", "-n", "4", "--to", "nobody@example.test",
                                  target(daemon)), capture_output=True, timeout=30, check=False)
    t.equal(done.returncode, 1, done.stdout)
    t.true(b"550" in done.stdout + done.stderr, "names the reply")
    done = subprocess.run(command(t, "--nonsense"), capture_output=True, timeout=30, check=False)
    t.equal(done.returncode, 2)
    done = subprocess.run(command(t, "--patience", "1", f"127.0.0.1:{free_port()}"),
                          capture_output=True, timeout=30, check=False)
    t.equal(done.returncode, 1)


@case(seconds=60)
def a_message_of_a_file(t):
    """The same message each time, octet for octet; what is no file is named."""
    daemon = t.daemon()
    path = t.path("message")
    with open(path, "wb") as file:
        file.write(b"From: <a@b.test>\nSubject: from a file\n\n.a dot\nthe end")
    done = subprocess.run(command(t, "-c", "2", "-n", "6", "--to", "alice@example.test", "--message", path,
                                  target(daemon)), capture_output=True, timeout=40, check=False)
    t.equal(done.returncode, 0, done.stderr)
    daemon.wait_delivered(6)
    t.equal({message.content for message in daemon.delivered()},
            {b"From: <a@b.test>\r\nSubject: from a file\r\n\r\n.a dot\r\nthe end\r\n"})
    os.mkdir(t.path("folder"))
    for name in ("missing", "folder"):
        done = subprocess.run(command(t, "--message", t.path(name), target(daemon)), capture_output=True,
                              timeout=40, check=False)
        t.equal((done.returncode, f"{name}' cannot be read".encode() in done.stderr), (2, True), done.stderr)


@case(seconds=120)
def ledger_over_a_kill(t):
    """What ringpost-load wrote down before the daemon was killed is delivered after it."""
    daemon = t.daemon()
    ledger = t.path("ledger")
    load = subprocess.Popen(
        command(t, "-c", "50", "-n", "100000", "--to", "alice@example.test", "--patience", "1",
                "--ledger", ledger, target(daemon)),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    daemon.kill()
    t.equal(load.wait(30), 1, "exit status after a crash of the server")
    daemon.start()
    daemon.wait_queue_empty(60)
    acknowledged, delivered = set(read_ledger(ledger)), set(delivered_ids(daemon))
    t.true(len(acknowledged) > 100, "a real load")
    t.equal(acknowledged - delivered, set(), "acknowledged and lost")
    t.note(f"{len(acknowledged)} acknowledged, {len(delivered)} delivered")


@case(seconds=60)
def sink(t):
    """The sink takes what the source sends, counts it, and stops on SIGTERM."""
    port = free_port()
    taker = subprocess.Popen(command(t, "sink", "--json", f"127.0.0.1:{port}"),
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    t.defer(taker.wait, 10)
    t.defer(taker.kill)
    done = subprocess.run(command(t, "-c", "10", "-n", "1000", "--patience", "5",
                                  f"127.0.0.1:{port}"), capture_output=True, timeout=40,
                          check=False)
    t.equal(done.returncode, 0, done.stderr)
    os.kill(taker.pid, signal.SIGTERM)
    output, _ = taker.communicate(timeout=20)
    t.equal(json.loads(output)["messages"], 1000, output)


@case(seconds=60)
def sink_by_a_script(t):
    """What the relay is told by LMTP it believes, recipient by recipient; the ledger has the rest."""
    taker = Sink(t, options=["--lmtp", "--announce", "PIPELINING"],
                 rules=["rcpt recipient never@there.test reply 550 5.1.1 nobody",
                        "data-end recipient later@there.test every 2 reply 250 2.0.0 now",
                        "data-end recipient later@there.test reply 450 4.2.1 not now"])
    daemon = t.daemon(directives=["queue retry-interval 10ms"], rules=[
        'action "local" maildir virtual <users> userbase <base>',
        f'action "out" relay host "lmtp://{taker.address}"',
        'match from any for rcpt-to "alice@example.test" action "local"',
        'match from any for any action "out"'])
    mail.send(daemon, 1, "yes@there.test", "never@there.test", "later@there.test",
              sender="alice@example.test", fields=["X-Ringpost-Load: one"])
    daemon.wait_queue_empty()
    t.equal(taker.arrived(), {("one", "yes@there.test"): 1, ("one", "later@there.test"): 1})
    figures = taker.counts()
    t.equal((figures["messages"], figures["recipients"], figures["refused"],
             figures["unannounced"]), (2, 2, 2, 0))
    t.equal([rule["acted"] for rule in figures["rules"]], [1, 1, 1])
    t.equal(taker.stop()["destinations"][taker.address]["recipients"], 2)


@case(seconds=90)
def eight_bits_that_nobody_announced(t):
    """A server without 8BITMIME gets converted content or none: the sink sees no octet above 127,
    and what cannot be converted comes back to its sender."""
    taker = Sink(t, options=["--announce", "PIPELINING,SIZE"])
    daemon = t.daemon(directives=["queue retry-interval 10ms"], rules=[
        'action "local" maildir virtual <users> userbase <base>',
        f'action "out" relay host "{taker.address}"',
        'match from any for rcpt-to "alice@example.test" action "local"',
        'match from any for any action "out"'])
    number = 0
    for sample in messages.generated():
        if sample.needs_bdat or not any(octet > 127 for octet in sample.content):
            continue
        number += 1
        is_mime = b"Content-Transfer-Encoding: 8bit" in sample.content
        mail.send(daemon, number, f"user{number}@there.test", sender="alice@example.test",
                  content=(b"MIME-Version: 1.0\r\n" if is_mime else b"") + sample.content,
                  mail=" BODY=8BITMIME")
    daemon.wait_queue_empty()
    results = [event for event in daemon.events("attempt.finished")
               if event["to"].endswith("@there.test")]
    relayed = sum(event["result"] == "relayed" for event in results)
    refused = {event["status"] for event in results if event["result"] != "relayed"}
    t.equal(len(results), number, "attempts")
    t.true(relayed > 10 and refused <= {"5.6.1", "5.6.3", "5.6.7"}, f"{relayed}, {refused}")
    figures = taker.counts()
    t.equal((figures["recipients"], figures["unannounced"]), (relayed, 0))
    t.note(f"{relayed} of {number} relayed, the others back with {sorted(refused)}")

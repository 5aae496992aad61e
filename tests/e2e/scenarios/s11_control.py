"""ringpostctl against a running daemon: what it shows is so, what it orders happens."""
import json
import os
import stat
import time

from harness import messages, smtp
from harness.case import case


def queued(daemon, count, user="alice"):
    """Hold deliveries and queue some messages; returns their ids."""
    daemon.control_ok("pause", "mda")
    identifiers = []
    with daemon.client() as client:
        client.hello()
        for number in range(count):
            reply = client.transaction(messages.simple(number),
                                       recipients=(f"{user}@example.test",))
            smtp.check(reply, 250, "2.0.0")
            identifiers.append(reply.queue_id)
    return identifiers


@case()
def show_queue_and_messages(t):
    """show queue, envelope and message agree with what was sent."""
    daemon = t.daemon()
    identifiers = queued(daemon, 3)
    rows = daemon.queue()
    t.equal(sorted(row["id"] for row in rows), sorted(identifiers))
    for row in rows:
        t.equal((row["from"], row["to"]), ("sender@client.test", "alice@example.test"))
        t.equal(row["attempts"], 0)
        t.true(row["octets"] >= len(messages.simple(0)), "octets")
    human = daemon.control_ok("show", "queue").decode()
    t.true(all(identifier in human for identifier in identifiers), human)
    envelope = daemon.rows("show", "envelope", identifiers[0])[0]
    t.equal(envelope["id"], identifiers[0])
    t.equal(envelope["helo"], "client.example.test")
    t.equal([r["address"] for r in envelope["recipients"]], ["alice@example.test"])
    text = daemon.control_ok("show", "message", identifiers[1])
    t.true(text.endswith(messages.simple(1)), text)
    t.equal(daemon.control("show", "message", "0123456789abcdef").returncode, 1)
    t.equal(daemon.control("show", "envelope", "0123456789abcdef").returncode, 1)


@case()
def pause_schedule_resume(t):
    """Nothing is delivered while paused; resume delivers everything."""
    daemon = t.daemon()
    queued(daemon, 5)
    time.sleep(0.3)
    t.equal(daemon.delivered(), [], "delivered while paused")
    daemon.control_ok("resume", "mda")
    t.equal(len(daemon.wait_delivered(5)), 5)
    daemon.wait_queue_empty()


@case()
def schedule_now(t):
    """schedule ID makes a postponed recipient due at once."""
    daemon = t.daemon(directives=["queue retry-interval 1h"])
    path = daemon.maildir_of("alice")
    with open(path, "wb"):
        pass
    with daemon.client() as client:
        client.hello()
        first = client.transaction(messages.simple(1)).queue_id
        second = client.transaction(messages.simple(2)).queue_id
    t.eventually(lambda: all(row["attempts"] == 1 for row in daemon.queue()), "both tried once")
    os.remove(path)
    daemon.control_ok("schedule", first)
    t.equal([m.queue_id for m in daemon.wait_delivered(1)], [first])
    t.equal([row["id"] for row in daemon.queue()], [second])
    daemon.control_ok("schedule", "all")
    t.equal(len(daemon.wait_delivered(2)), 2)


@case()
def who_waits_is_delayed(t):
    """Tried and waiting is "delayed", with time and error, in every listing and the next life."""
    daemon = t.daemon(directives=["queue retry-interval 1h"])
    with open(daemon.maildir_of("alice"), "wb"):
        pass
    with daemon.client() as client:
        client.hello()
        queue_id = client.transaction(messages.simple(1)).queue_id

    def same_everywhere():
        t.eventually(lambda: daemon.queue()[0]["attempts"] == 1, "tried once")
        row = daemon.queue()[0]
        recipient = daemon.rows("show", "envelope", queue_id)[0]["recipients"][0]
        offline = daemon.rows("spool", "ls")[0]
        t.equal((row["state"], recipient["state"]), ("delayed", "delayed"))
        t.true(row["next_try"] is not None, "has a time")
        t.equal((recipient["next_try"], offline["next_try"]), (row["next_try"], row["next_try"]))
        t.true("Not a directory" in row["last_error"], row["last_error"])
        t.equal(recipient["last_error"], row["last_error"])
        return row

    first = same_everywhere()
    daemon.stop()
    daemon.start()
    t.equal(same_everywhere(), first, "after a restart")
    daemon.control_ok("pause", "mda")
    with daemon.client() as client:
        client.hello()
        fresh = client.transaction(messages.simple(2)).queue_id
    row = daemon.rows("show", "queue", fresh)[0]
    t.equal((row["state"], row["next_try"], row["last_error"]), ("paused", None, ""))
    recipient = daemon.rows("show", "envelope", fresh)[0]["recipients"][0]
    t.equal((recipient["state"], recipient["next_try"]), ("pending", None))


@case()
def remove(t):
    """A removed message is never delivered, not even after a kill and a restart."""
    daemon = t.daemon()
    identifiers = queued(daemon, 4)
    daemon.control_ok("remove", identifiers[1])
    t.equal(sorted(row["id"] for row in daemon.queue()),
            sorted(i for i in identifiers if i != identifiers[1]))
    daemon.kill()
    daemon.start()
    t.equal({m.queue_id for m in daemon.wait_delivered(3)}, set(identifiers) - {identifiers[1]})
    daemon.wait_queue_empty()
    queued(daemon, 3)
    daemon.control_ok("remove", "all")
    t.equal(daemon.queue(), [], "queue")
    daemon.control_ok("resume", "mda")
    time.sleep(0.3)
    t.equal(len(daemon.delivered()), 3)


@case()
def pause_smtp(t):
    """Paused smtp takes no new mail; resumed it does."""
    daemon = t.daemon()
    daemon.control_ok("pause", "smtp")
    try:
        with daemon.client(banner=False, timeout=2) as client:
            first = client.reply()
            t.equal(first.code, 421, repr(first))
    except (TimeoutError, OSError, smtp.Closed):
        pass  # not accepting at all is a pause as well
    daemon.control_ok("resume", "smtp")
    with daemon.client() as client:
        client.hello()
        smtp.check(client.transaction(messages.simple(1)), 250, "2.0.0")


@case()
def statistics(t):
    """The counters count."""
    daemon = t.daemon(directives=["engine cores 2", "smtp limit max-connections 123"])
    with daemon.client() as client:
        client.hello()
        for number in range(7):
            smtp.check(client.transaction(messages.simple(number)), 250, "2.0.0")
        client.quit()
    daemon.wait_delivered(7)
    daemon.wait_queue_empty()
    figures = daemon.statistics()
    t.equal(figures["ringpost_session_messages_accepted_total"], 7)
    t.eventually(lambda: daemon.statistics()["ringpost_delivery_delivered_total"] == 7,
                 "7 deliveries counted")
    t.true(figures["ringpost_spool_commits_total"] >= 7, "commits")
    t.equal(figures['ringpost_limit_max{limit="connections"}'], 123, "one limit for all cores")
    t.true(b"ringpost_session_messages_accepted_total" in daemon.control_ok("show", "stats")
           or b"accepted" in daemon.control_ok("show", "stats"), "for people too")


@case()
def log_levels(t):
    """log verbose adds the dialogue, log brief takes it away; the main events are always there."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.expect("EHLO quiet.client.test", 250)
        daemon.control_ok("log", "verbose")
        client.expect("NOOP loud", 250)
        daemon.control_ok("log", "brief")
        client.expect("NOOP quiet", 250)
        smtp.check(client.transaction(messages.simple(1)), 250, "2.0.0")
        client.quit()
    daemon.wait_delivered(1)
    lines = [event["line"] for event in daemon.events("session.received")]
    t.true("NOOP loud" in lines and "NOOP quiet" not in lines, f"{lines}")
    accepted = daemon.events("message.accepted")[0]
    t.equal((accepted["from"], accepted["recipients"]), ("sender@client.test", "1"))
    t.equal(daemon.events("attempt.finished")[0]["result"], "delivered")
    t.eventually(lambda: [e for e in daemon.events("session.closed") if e["messages"] == "1"],
                 "session.closed with one message")


@case()
def stop_drains(t):
    """ringpostctl stop ends the daemon like SIGTERM: exit status 0."""
    daemon = t.daemon()
    daemon.control_ok("stop")
    t.equal(daemon.wait(), 0, "exit status")
    done = daemon.control("show", "queue")
    t.equal(done.returncode, 1)
    t.true(b"control.sock" in done.stderr, "names the socket that nobody listens on")


@case()
def usage(t):
    """Prefixes are understood when they are clear; nonsense is status 2."""
    daemon = t.daemon()
    t.equal(daemon.control_ok("sh", "q"), daemon.control_ok("show", "queue"))
    for arguments in ((), ("frobnicate",), ("show",), ("s",), ("show", "queue", "not-an-id")):
        status = daemon.control(*arguments).returncode
        t.true(status in (1, 2), f"{arguments}: status {status}")
    t.equal(daemon.control("frobnicate").returncode, 2)
    mode = os.stat(os.path.join(daemon.home, "run", "control.sock")).st_mode
    t.equal(stat.S_IMODE(mode) & 0o077, 0, "nobody else may control")


@case()
def two_daemons_side_by_side(t):
    """Each home is a world of its own: ports, queue, control and Maildirs."""
    first, second = t.daemon(), t.daemon()
    ids = queued(first, 2)
    with second.client() as client:
        client.hello()
        smtp.check(client.transaction(messages.simple(9)), 250, "2.0.0")
    t.equal([m.content for m in second.wait_delivered(1)], [messages.simple(9)])
    t.equal(sorted(row["id"] for row in first.queue()), sorted(ids))
    t.equal(second.queue(), [])
    second.stop()
    first.control_ok("resume", "mda")
    t.equal(len(first.wait_delivered(2)), 2)


@case()
def hostile_control_client(t):
    """Garbage on the control socket is answered or dropped; the daemon and others go on."""
    import socket
    daemon = t.daemon()
    path = os.path.join(daemon.home, "run", "control.sock")
    for octets in (b"\n", b"{}\n", b"[" * 60_000 + b"\n", b"\xff" * 70_000, b'{"command":7}\n',
                   b'{"protocol":99,"command":"show queue"}\n', b"x"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(path)
            try:
                connection.sendall(octets)
                connection.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            except OSError:
                continue
            for line in answer.splitlines():
                t.equal(json.loads(line).get("ok"), False, f"{octets[:20]!r}: {line!r}")
    t.equal(daemon.queue(), [], "queue")

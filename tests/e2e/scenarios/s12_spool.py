"""The spool without the daemon: list, read, verify, export; and what a damaged disk leaves."""
import glob
import os

from harness import messages, smtp
from harness.case import case


def stopped_with_queue(t, count=5, octets=3000, directives=()):
    """A daemon that was stopped with held mail; returns (daemon, {id: content})."""
    daemon = t.daemon(directives=directives)
    daemon.control_ok("pause", "mda")
    sent = {}
    with daemon.client() as client:
        client.hello()
        for number in range(count):
            content = messages.simple(number, octets)
            reply = client.transaction(content)
            smtp.check(reply, 250, "2.0.0")
            sent[reply.queue_id] = content
    daemon.stop()
    return daemon, sent


def segments(daemon):
    found = sorted(glob.glob(os.path.join(daemon.home, "spool", "segment-*")))
    if not found:
        raise AssertionError("the spool has no segments")
    return found


@case()
def offline_tools(t):
    """ls, cat, verify and export read the spool of a stopped daemon and change nothing."""
    daemon, sent = stopped_with_queue(t)
    before = [os.stat(path).st_mtime_ns for path in segments(daemon)]
    t.equal(sorted(row["id"] for row in daemon.rows("spool", "ls")), sorted(sent))
    for identifier, content in sent.items():
        text = daemon.control_ok("spool", "cat", identifier)
        t.true(text.endswith(content) and text.startswith(b"Received: "), identifier)
    daemon.control_ok("spool", "verify")
    export = t.path("export")
    daemon.control_ok("spool", "export", export)
    for identifier, content in sent.items():
        with open(os.path.join(export, identifier + ".eml"), "rb") as file:
            t.true(file.read().endswith(content), identifier)
    t.equal([os.stat(path).st_mtime_ns for path in segments(daemon)], before, "written to")
    daemon.start()
    t.equal(len(daemon.wait_delivered(len(sent))), len(sent))


@case()
def beside_a_running_daemon(t):
    """The tools only read, so they may run while the daemon does."""
    daemon = t.daemon()
    daemon.control_ok("pause", "mda")
    with daemon.client() as client:
        client.hello()
        identifier = client.transaction(messages.simple(1)).queue_id
    t.equal([row["id"] for row in daemon.rows("spool", "ls")], [identifier])
    daemon.control_ok("spool", "verify")
    daemon.control_ok("resume", "mda")
    daemon.wait_delivered(1)


def flip_content(path, needle):
    """Flip one bit in the middle of some content in a segment; False when it is not there."""
    with open(path, "r+b") as file:
        place = file.read().find(needle)
        if place < 0:
            return False
        file.seek(place)
        octet = file.read(1)
        file.seek(place)
        file.write(bytes([octet[0] ^ 0x10]))
    return True


@case(seconds=90)
def bit_flip_in_a_sealed_segment(t):
    """The message with the damage is quarantined and reported; all others are delivered whole."""
    daemon, sent = stopped_with_queue(t, 30, 150_000,
                                      ["engine cores 1", "spool segment-size 1M"])
    victim, content = list(sent.items())[3]
    needle = f"The text of message {3}.".encode()
    t.true(needle in content, "the needle")
    t.true(any(flip_content(path, needle) for path in segments(daemon)), "found on disk")
    done = daemon.control("spool", "verify")
    t.equal(done.returncode, 1, "spool verify finds it")
    t.true(b"segment-" in done.stdout + done.stderr, "verify names the file")
    daemon.start()
    t.eventually(lambda: daemon.events("segment.quarantined"), "segment.quarantined in the log")
    delivered = daemon.wait_delivered(len(sent) - 1, seconds=40)
    t.equal({m.queue_id for m in delivered}, set(sent) - {victim})
    for message in delivered:
        t.true(message.content == sent[message.queue_id], f"{message.path} is whole")


@case(seconds=90)
def torn_tail(t):
    """Rubbish behind the last commit of the open segment is what a crash leaves: no report."""
    daemon, sent = stopped_with_queue(t, 5, 3000, ["engine cores 1"])
    for path in segments(daemon):
        with open(path, "r+b") as file:
            octets = file.read()
            end = len(octets.rstrip(b"\0"))
            page = (end + 4095) // 4096 * 4096
            if 4096 < end and page + 4096 <= len(octets):
                file.seek(page)
                file.write(octets[4096:6144])  # an old batch, cut in half
    daemon.control_ok("spool", "verify")
    daemon.start()
    t.equal(daemon.events("segment.quarantined"), [], "no quarantine")
    t.equal({m.queue_id for m in daemon.wait_delivered(len(sent))}, set(sent))


@case(seconds=90)
def segments_are_recycled(t):
    """Many times the spool's size passes through it; it does not grow with what is delivered."""
    daemon = t.daemon(directives=["engine cores 1", "spool segment-size 1M",
                                  "spool segments-ready 2"])
    largest = 0
    for start in range(0, 120, 40):
        with daemon.client() as client:
            client.hello()
            for number in range(start, start + 40):
                smtp.check(client.transaction(messages.simple(number, 500_000)), 250, "2.0.0")
        daemon.wait_queue_empty()
        largest = max(largest, sum(os.stat(path).st_blocks * 512 for path in segments(daemon)))
    t.equal(len(daemon.delivered()), 120)
    t.note(f"60 MB passed through, at most {largest / 1e6:.0f} MB of segments")
    t.true(largest < 40e6, "the spool is bounded")


@case(seconds=90)
def old_message_does_not_hold_segments(t):
    """One undeliverable message stays while many pass: the cleaner moves it and frees segments."""
    daemon = t.daemon(directives=["engine cores 1", "spool segment-size 1M",
                                  "spool segments-ready 2", "queue retry-interval 1h"])
    with open(daemon.maildir_of("bob"), "wb"):
        pass
    held = {}
    for start in range(0, 120, 20):
        with daemon.client() as client:
            client.hello()
            held[client.transaction(messages.simple(f"held-{start}", 20_000),
                                    recipients=("bob@example.test",)).queue_id] = start
            for number in range(start, start + 20):
                smtp.check(client.transaction(messages.simple(number, 300_000)), 250, "2.0.0")
    daemon.wait_delivered(120, seconds=40)
    daemon.kill()
    daemon.start()
    t.equal({row["id"] for row in daemon.queue()}, set(held))
    os.remove(daemon.maildir_of("bob"))
    daemon.control_ok("schedule", "all")
    t.equal({m.content for m in daemon.wait_delivered(len(held), "bob")},
            {messages.simple(f"held-{start}", 20_000) for start in held.values()})

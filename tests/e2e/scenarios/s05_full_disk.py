"""The spool's file system fills up: 4xx while it is full, nothing lost, no restart needed."""
import os
import subprocess
import time

from harness import ledger, messages, smtp
from harness.case import case
from harness.volume import Volume, fill, temporary_memory

volume_octets = 96 << 20
directives = ["spool segment-size 1M", "spool segments-ready 2", "spool min-free 8M"]


def small_volume(t):
    """A file system that a few messages fill."""
    return Volume(t, t.path("volume"), volume_octets)


def first_refusal(client, content):
    """The first refusing reply of a transaction, or None when it was accepted."""
    for line in ("MAIL FROM:<sender@client.test>", "RCPT TO:<alice@example.test>"):
        reply = client.command(line)
        if reply.code != 250:
            return reply
    reply = client.command("DATA")
    if reply.code != 354:
        return reply
    client.send(smtp.stuffed(content))
    reply = client.reply()
    return None if reply.code == 250 else reply


def send_until_refused(daemon, acknowledged, octets):
    """Send messages until one is refused; returns its reply."""
    for _ in range(40):
        with daemon.client() as client:
            client.hello()
            for _ in range(50):  # below the limit of messages per session
                key = f"disk-{len(acknowledged)}"
                content = messages.simple(key, octets, [f"X-Ledger: {key}"])
                reply = first_refusal(client, content)
                if reply is not None:
                    client.expect("RSET", 250)
                    client.expect("NOOP", 250)
                    return reply
                acknowledged[key] = hash(content)
    raise AssertionError("the disk never filled up")


@case(seconds=180)
def space_runs_out_and_returns(t):
    """Another program fills the disk; when it frees the space, mail is taken again at once."""
    volume = small_volume(t)
    daemon = t.daemon(home=volume.path, directives=directives)
    daemon.control_ok("pause", "mda")
    acknowledged = {}
    filler = fill(volume.path, 16 << 20)
    reply = send_until_refused(daemon, acknowledged, 200_000)
    t.true((reply.code, reply.enhanced) in ((452, "4.3.1"), (451, "4.3.0")), f"a 4xx: {reply!r}")
    t.note(f"refused after {len(acknowledged)} messages with {reply!r}")
    t.true(daemon.running(), "the daemon runs on")
    with daemon.client() as client:
        client.hello()
        refused = client.command("MAIL FROM:<sender@client.test>")
        t.equal((refused.code, refused.enhanced), (452, "4.3.1"), "MAIL while full")
    t.eventually(lambda: daemon.events("spool.pressure"), "spool.pressure in the log")
    os.remove(filler)
    t.eventually(lambda: accepts(daemon, acknowledged), "mail is taken again", 20)
    daemon.control_ok("resume", "mda")
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, acknowledged)


def accepts(daemon, acknowledged):
    key = f"after-{len(acknowledged)}"
    content = messages.simple(key, 4096, [f"X-Ledger: {key}"])
    with daemon.client() as client:
        client.hello()
        if first_refusal(client, content) is not None:
            return False
    acknowledged[key] = hash(content)
    return True


@case(seconds=180)
def spool_fills_itself(t):
    """Held mail fills the disk; delivering it makes room, and nothing acknowledged is lost."""
    volume = small_volume(t)
    daemon = t.daemon(home=volume.path, directives=directives)
    daemon.control_ok("pause", "mda")
    acknowledged = {}
    for octets in (1_000_000, 100_000, 4_000):
        reply = send_until_refused(daemon, acknowledged, octets)
        t.equal(reply.code // 100, 4, f"a 4xx: {reply!r}")
    daemon.control_ok("resume", "mda")
    daemon.wait_queue_empty(60)
    t.eventually(lambda: accepts(daemon, acknowledged), "mail is taken again", 30)
    daemon.wait_queue_empty(30)
    ledger.account(t, daemon, acknowledged)


@case(seconds=120)
def restart_while_full(t):
    """Killed while the disk is full, it starts again on the full disk and delivers what it has."""
    volume = small_volume(t)
    daemon = t.daemon(home=volume.path, directives=directives)
    daemon.control_ok("pause", "mda")
    acknowledged = {}
    send_until_refused(daemon, acknowledged, 500_000)
    fill(volume.path, 0)
    daemon.kill()
    daemon.start()
    daemon.control_ok("resume", "mda")
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, acknowledged)


@case(seconds=120)
def writes_fail(t):
    """The disk answers writes with errors: 451, nothing lost, and no restart when it works again.

    The spool's blocks are holes of an image that lies in a tmpfs. When the tmpfs is full, a write
    into a hole fails below the file system, as on a dying disk. All segments must be holes as a
    whole and no page be left: of a write that could be done in part, Linux 6.18's loop device says
    that it was done, which no server can survive.
    """
    memory = t.path("memory")
    temporary_memory(t, memory, 128 << 20)
    volume = Volume(t, t.path("volume"), 96 << 20, os.path.join(memory, "image"),
                    ("-m", "0", "-O", "^has_journal"))
    daemon = t.daemon(home=volume.path, directives=directives)
    acknowledged = {}
    t.eventually(lambda: len(os.listdir(os.path.join(volume.path, "spool"))) > 4, "segments")
    time.sleep(0.5)
    os.sync()
    subprocess.run(["fallocate", "--dig-holes", volume.image], check=True, timeout=60)
    filler = fill(memory, 0)
    codes = set()
    for number in range(40):
        with daemon.client() as client:
            client.hello()
            key = f"failing-{number}"
            content = messages.simple(key, 100_000, [f"X-Ledger: {key}"])
            reply = first_refusal(client, content)
            if reply is None:
                acknowledged[key] = hash(content)
            else:
                codes.add((reply.code, reply.enhanced))
    t.true(codes and codes <= {(451, "4.3.0"), (452, "4.3.1")}, f"4xx replies: {codes}")
    t.eventually(lambda: daemon.events("spool.fault"), "spool.fault in the log")
    t.true(daemon.running(), "the daemon runs on")
    os.remove(filler)
    t.eventually(lambda: accepts(daemon, acknowledged), "mail is taken again", 30)
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, acknowledged)
    t.note(f"refused with {sorted(codes)}")

"""The spool's file system fills up: 4xx while it is full, nothing lost, no restart needed."""
import os
import shutil
import subprocess

from harness import ledger, messages, smtp
from harness.case import case

volume_octets = 96 << 20
directives = ["spool segment-size 1M", "spool segments-ready 2", "spool min-free 8M"]


def small_volume(t, path):
    """Mount a small ext4 image at path; without a loop device a tmpfs does."""
    if os.getuid() != 0:
        t.skip("mounting a small file system needs root")
    os.makedirs(path, exist_ok=True)
    image = t.path("volume")
    with open(image, "wb") as file:
        file.truncate(volume_octets)
    commands = []
    if shutil.which("mkfs.ext4"):
        commands.append([["mkfs.ext4", "-q", "-m", "0", image],
                         ["mount", "-o", "loop", image, path]])
    commands.append([["mount", "-t", "tmpfs", "-o", f"size={volume_octets}", "none", path]])
    for steps in commands:
        done = [subprocess.run(step, capture_output=True, check=False).returncode for step in steps]
        if not any(done):
            t.defer(unmount, path)
            return
    t.skip("neither a loop device nor a tmpfs can be mounted here")


def unmount(path):
    subprocess.run(["umount", "-l", path], check=True)


def fill(directory, leave):
    """Take all space of a file system but some octets; returns the file that holds it."""
    path = os.path.join(directory, "filler")
    free = os.statvfs(directory)
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(4096, free.f_bavail * free.f_frsize - leave))
    return path


def first_refusal(client, number, content):
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


def send_until_refused(t, daemon, acknowledged, octets, start):
    """Send messages until one is refused; returns (its reply, the next number)."""
    number = start
    with daemon.client() as client:
        client.hello()
        while number < start + 2000:
            key = f"disk-{number}"
            content = messages.simple(key, octets, [f"X-Ledger: {key}"])
            number += 1
            reply = first_refusal(client, number, content)
            if reply is not None:
                client.expect("RSET", 250)
                client.expect("NOOP", 250)
                return reply, number
            acknowledged[key] = hash(content)
    raise AssertionError("the disk never filled up")


@case(seconds=180)
def space_runs_out_and_returns(t):
    """Another program fills the disk; when it frees the space, mail is taken again at once."""
    home = t.path("volume-home")
    small_volume(t, home)
    daemon = t.daemon(home=home, directives=directives)
    daemon.control_ok("pause", "mda")
    acknowledged = {}
    filler = fill(home, 16 << 20)
    reply, number = send_until_refused(t, daemon, acknowledged, 200_000, 0)
    t.true((reply.code, reply.enhanced) in ((452, "4.3.1"), (451, "4.3.0")), f"a 4xx: {reply!r}")
    t.note(f"refused after {len(acknowledged)} messages with {reply!r}")
    t.true(daemon.running(), "the daemon runs on")
    with daemon.client() as client:
        client.hello()
        refused = client.command("MAIL FROM:<sender@client.test>")
        t.equal((refused.code, refused.enhanced), (452, "4.3.1"), "MAIL while full")
    t.true(daemon.events("spool.pressure"), "an event in the log")
    os.remove(filler)
    t.eventually(lambda: accepts(daemon, acknowledged), "mail is taken again", 20)
    daemon.control_ok("resume", "mda")
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, acknowledged)
    t.equal(number > 0, True)


def accepts(daemon, acknowledged):
    key = f"after-{len(acknowledged)}"
    content = messages.simple(key, 4096, [f"X-Ledger: {key}"])
    with daemon.client() as client:
        client.hello()
        if first_refusal(client, 0, content) is not None:
            return False
    acknowledged[key] = hash(content)
    return True


@case(seconds=180)
def spool_fills_itself(t):
    """Held mail fills the disk; delivering it makes room, and nothing acknowledged is lost."""
    home = t.path("volume-home")
    small_volume(t, home)
    daemon = t.daemon(home=home, directives=directives)
    daemon.control_ok("pause", "mda")
    acknowledged = {}
    for octets in (1_000_000, 100_000, 4_000):
        reply, _ = send_until_refused(t, daemon, acknowledged, octets, len(acknowledged))
        t.equal(reply.code // 100, 4, f"a 4xx: {reply!r}")
    daemon.control_ok("resume", "mda")
    daemon.wait_queue_empty(60)
    t.eventually(lambda: accepts(daemon, acknowledged), "mail is taken again", 30)
    daemon.wait_queue_empty(30)
    ledger.account(t, daemon, acknowledged)


@case(seconds=120)
def restart_while_full(t):
    """Killed while the disk is full, it starts again on the full disk and delivers what it has."""
    home = t.path("volume-home")
    small_volume(t, home)
    daemon = t.daemon(home=home, directives=directives)
    daemon.control_ok("pause", "mda")
    acknowledged = {}
    send_until_refused(t, daemon, acknowledged, 500_000, 0)
    fill(home, 0)
    daemon.kill()
    daemon.start()
    daemon.control_ok("resume", "mda")
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, acknowledged)

"""SIGKILL under load, many times over: what was answered with 250 is delivered in the end."""
import random
import time

from harness import ledger, maildir
from harness.case import case

users = ("alice", "bob")


def rounds(t):
    return 20 if t.long else 6


def kill_loop(t, daemon, rng, prepare):
    """Load, kill, restart on the same home; returns everything that was acknowledged."""
    acknowledged = {}
    for number in range(rounds(t)):
        prepare(daemon)
        load = ledger.Load(daemon, f"round{number}", users=users)
        time.sleep(rng.uniform(0.05, 1.2))
        daemon.kill()
        load.stop()
        acknowledged.update(load.acknowledged)
        daemon.start()
    return acknowledged


def finish(t, daemon, acknowledged):
    daemon.wait_queue_empty(120)
    t.true(len(acknowledged) > 10 * rounds(t), f"a real load, not {len(acknowledged)} messages")
    surplus = ledger.account(t, daemon, acknowledged, users)
    for user in users:
        left = maildir.unfinished(daemon.maildir_of(user))
        t.true(len(left) <= 200 * rounds(t), "files left in tmp by killed deliveries")
    daemon.stop()
    return surplus


@case(seconds=400)
def kill_while_delivering(t):
    """Deliveries run while the daemon is killed; a delivery cut off by the kill may come twice."""
    daemon = t.daemon(users=users)
    acknowledged = kill_loop(t, daemon, random.Random(1), lambda _daemon: None)
    finish(t, daemon, acknowledged)


@case(seconds=400)
def kill_while_paused(t):
    """Deliveries are paused: the spool grows over all kills, then drains, nothing twice."""
    daemon = t.daemon(users=users)
    acknowledged = kill_loop(t, daemon, random.Random(2),
                             lambda running: running.control_ok("pause", "mda"))
    finish(t, daemon, acknowledged)


@case(seconds=400)
def kill_with_small_segments(t):
    """Segments of 1 MiB are sealed, recycled and cleaned all the time while the kills happen."""
    daemon = t.daemon(users=users, directives=["spool segment-size 1M", "spool segments-ready 2"])
    acknowledged = kill_loop(t, daemon, random.Random(3), lambda _daemon: None)
    finish(t, daemon, acknowledged)


@case(seconds=400)
def kill_during_recovery(t):
    """Kill again before the restart has finished; recovery can be cut off anywhere."""
    rng = random.Random(4)
    daemon = t.daemon(users=users)
    daemon.control_ok("pause", "mda")
    load = ledger.Load(daemon, "only", users=users)
    time.sleep(2.0)
    daemon.kill()
    load.stop()
    for _ in range(rounds(t)):
        daemon.spawn()
        time.sleep(rng.uniform(0.0, 0.15))
        daemon.kill()
    daemon.start()
    finish(t, daemon, load.acknowledged) if len(load.acknowledged) > 10 * rounds(t) else \
        ledger.account(t, daemon, load.acknowledged, users)

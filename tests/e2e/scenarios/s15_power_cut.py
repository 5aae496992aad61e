"""A power cut: only what has reached the block device is left, and every acknowledged message is.

SIGKILL alone leaves the kernel's page cache, so a server that never syncs would pass. Here the
spool and the Maildirs lie on an ext4 image with a journal. The daemon is stopped in the middle of
its work, the image is copied as the block device has it, and the daemon starts again on the copy.
"""
import os
import random
import signal
import time

from harness import ledger
from harness.case import case
from harness.volume import Volume

users = ("alice", "bob")


def cut_loop(t, rounds, prepare):
    volume = Volume(t, t.path("volume"), 1 << 30)
    daemon = t.daemon(home=os.path.join(volume.path, "home"),
                      mail=os.path.join(volume.path, "mail"), users=users,
                      directives=["spool segment-size 4M", "spool min-free 16M"])
    rng = random.Random(6)
    acknowledged = {}
    for number in range(rounds):
        prepare(daemon)
        load = ledger.Load(daemon, f"cut{number}", users=users, sizes=(600, 4096, 20_000))
        time.sleep(rng.uniform(0.2, 1.0))
        os.kill(daemon.engine_pid(), signal.SIGSTOP)
        volume.keep_what_reached_the_device()
        daemon.kill()
        load.stop()
        acknowledged.update(load.acknowledged)
        volume.go_back()
        daemon.start()
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, acknowledged, users)
    t.true(len(acknowledged) > 10 * rounds, f"a real load, not {len(acknowledged)} messages")
    daemon.stop()


@case(seconds=200)
def power_cut_while_paused(t):
    """Nothing is delivered before the cut: the spool alone carries all messages over it."""
    cut_loop(t, 8 if t.long else 3, lambda daemon: daemon.control_ok("pause", "mda"))


@case(seconds=200)
def power_cut_while_delivering(t):
    """What the spool has forgotten was durable in its Maildir before."""
    cut_loop(t, 8 if t.long else 3, lambda _daemon: None)

"""The number of cores changes between two lives; every log finds a core that recovers it."""
import time

from harness import ledger
from harness.case import case


@case(seconds=180)
def other_number_of_cores(t):
    """Queue on 2 cores, go on with 1, 3 and 1 again, by stop and by kill; deliver at the end."""
    daemon = t.daemon(directives=["engine cores 2"])
    acknowledged = {}
    for number, cores in enumerate((1, 3, 1, 2)):
        daemon.control_ok("pause", "mda")
        load = ledger.Load(daemon, f"life{number}", threads=8)
        time.sleep(0.6)
        if number % 2:
            daemon.kill()
            load.stop()
        else:
            load.stop()
            daemon.stop()
        acknowledged.update(load.acknowledged)
        daemon.directives = [f"engine cores {cores}"]
        daemon.start()
    daemon.wait_queue_empty(60)
    surplus = ledger.account(t, daemon, acknowledged)
    t.true(acknowledged, "something was acknowledged")
    t.note(f"{surplus} duplicates")


@case(seconds=60)
def both_cores_take_sessions(t):
    """Connections spread over the cores, and ids of different cores do not collide."""
    daemon = t.daemon(directives=["engine cores 2"])
    load = ledger.Load(daemon, "spread", threads=16, sizes=(600,))
    t.eventually(lambda: len(load.acknowledged) > 200, "200 messages", 30)
    load.stop()
    daemon.wait_queue_empty()
    ids = [message.queue_id for message in daemon.delivered()]
    t.equal(len(ids), len(set(ids)), "different ids")
    t.equal({identifier[:2] for identifier in ids}, {"00", "01"}, "cores in the ids")
    ledger.account(t, daemon, load.acknowledged)

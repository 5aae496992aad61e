"""A relay under load while it, and what it relays to, are killed again and again.

Two ledgers that nobody kills tell what came of it: the source writes down what the relay
acknowledged, the sink what it took before it says so.
"""
import json
import random
import subprocess
import time

from harness.sink import Sink

rules = ("rcpt chance 2% reply 451 4.3.0 not now",
         "data chance 1% delay 20 reply 451 4.3.0 not now",
         "data-end chance 1% drop",
         "data-end chance 2% delay 50",
         "mail chance 1% close reply 421 4.3.2 not now")


class Source:
    """ringpost-load at a steady rate for so many seconds; goes on while the relay is away."""

    def __init__(self, test, port, seconds, rate):
        self.test = test
        self.ledger = test.path("source.ledger")
        self.process = subprocess.Popen(
            [test.program("ringpost-load"), "--json", "-c", "20", "-m", "20", "--sizes",
             "1k:6,8k:3,200k:1", "--rate", str(rate), "--seconds", str(seconds), "--patience", "60",
             "--from", "load@client.test", "--to", "user%d@chaos.test", "--ledger", self.ledger,
             f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        test.defer(self.end)

    def running(self):
        return self.process.poll() is None

    def finish(self):
        """What it counted, and the ids that were acknowledged."""
        output, _ = self.process.communicate(timeout=120)
        with open(self.ledger, encoding="ascii") as file:
            return json.loads(output), {line.strip() for line in file}

    def end(self):
        if self.running():
            self.process.kill()
            self.process.wait()


def run(test, seconds, rate, pause, seed=28):
    """Relay for so long, with a kill after a random part of each `pause` seconds; the account."""
    rng = random.Random(seed)
    sink = Sink(test, rules=rules)
    relay = test.daemon(text=f"""\
queue retry-interval 10ms
listen on 127.0.0.1 port {{port}} hostname relay.test
action "out" relay host "{sink.address}"
match from any for any action "out"
""")
    source = Source(test, relay.port, seconds, rate)
    kills = {"relay": 0, "sink": 0}
    while source.running():
        time.sleep(rng.uniform(pause / 4, pause))
        if rng.random() < 0.7:
            relay.kill()
            relay.start()
            kills["relay"] += 1
        else:
            sink.kill()
            time.sleep(rng.uniform(0, pause / 2))
            sink.start()
            kills["sink"] += 1
    figures, acknowledged = source.finish()
    settle(test, relay)
    return account(test, sink, figures, acknowledged, kills)


def settle(test, relay, seconds=120):
    """Until nothing is queued: what waits for its next attempt is given one."""
    def is_empty():
        relay.control_ok("schedule", "all")
        time.sleep(0.2)
        return not relay.queue()
    test.eventually(is_empty, "everything is relayed", seconds)


def account(test, sink, figures, acknowledged, kills):
    """Nothing that was acknowledged is missing; says what came more than once."""
    arrived = sink.arrived()
    ids = {key for key, _ in arrived}
    missing = sorted(acknowledged - ids)
    test.equal(missing[:10], [], f"{len(missing)} of {len(acknowledged)} lost")
    test.true(len(acknowledged) > 0.5 * figures["messages"] > 0, "a load")
    duplicates = sum(times - 1 for times in arrived.values())
    test.true(len(arrived) == len(ids), "one recipient for each id")
    test.note(f"{len(acknowledged)} acknowledged over {kills['relay']} kills of the relay and "
              f"{kills['sink']} of the sink, 0 lost, {duplicates} duplicates, "
              f"{len(ids - acknowledged)} relayed without a 250")
    return duplicates

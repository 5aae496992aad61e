"""Hundreds of destinations by a real name server and as many pretended mail servers: everything
arrives once where it can, comes back where it cannot, and the dead delay nobody."""
import collections
import random
import socket
import time

from harness import messages, nameserver
from harness.case import case
from harness.sink import Sink, network

sender = "alice@us.test"
each = 30  # destinations of each kind, in the short run

# What becomes of mail to a kind of destination. "waits" is until its server is there.
fate = {"plain": "arrives", "second": "arrives", "equal": "arrives", "alias": "arrives",
        "address": "arrives", "half": "arrives", "busy": "arrives", "shaky": "arrives",
        "shared": "arrives",
        "null": "5.1.10", "absent": "5.1.2", "homeless": "5.4.4", "refusing": "5.1.1",
        "gone": "waits", "away": "waits", "hole": "waits", "lost": "waits"}


def records(net, count):
    """The zone: for each kind so many destinations, KIND-NUMBER.test, and their hosts.

    Third octet of the addresses: 0 well, 1 busy, 2 shaky, 3 refusing, 4 where nobody listens,
    5 away for a while, 6 a hole.
    """
    zone = []
    for n in range(count):
        host = n % 250 + 1
        zone += [
            f"plain-{n} MX 10 mx.plain-{n}", f"mx.plain-{n} A {net}.0.{host}",
            f"second-{n} MX 20 mx.plain-{n}", f"second-{n} MX 10 mx.gone-{n}",
            f"equal-{n} MX 10 mx.plain-{n}", f"equal-{n} MX 10 mx.plain-{(n + 1) % count}",
            f"equal-{n} MX 10 mx.gone-{n}",
            f"alias-{n} CNAME plain-{n}",
            f"address-{n} A {net}.0.{host}",
            f"half-{n} MX 10 nothing.half-{n}", f"nothing.half-{n} TXT x",
            f"half-{n} MX 20 mx.plain-{n}",
            f"shared-{n} MX 10 mx.plain-0", f"shared-{n} MX 20 mx.plain-1",
            f"busy-{n} MX 10 mx.busy-{n}", f"mx.busy-{n} A {net}.1.{host}",
            f"shaky-{n} MX 10 mx.shaky-{n}", f"mx.shaky-{n} A {net}.2.{host}",
            f"null-{n} MX 0 .",
            f"homeless-{n} MX 10 nothing.homeless-{n}", f"nothing.homeless-{n} TXT x",
            f"refusing-{n} MX 10 mx.refusing-{n}", f"mx.refusing-{n} A {net}.3.{host}",
            f"gone-{n} MX 10 mx.gone-{n}", f"mx.gone-{n} A {net}.4.{host}",
            f"away-{n} MX 10 mx.away-{n}", f"mx.away-{n} A {net}.5.{host}",
            f"hole-{n} MX 10 mx.hole-{n}", f"mx.hole-{n} A {net}.6.{host}",
            f"lost-{n}.unanswered MX 10 mx.plain-{n}"]
    return zone


def domain_of(kind, number):
    return f"{kind}-{number}{'.unanswered' if kind == 'lost' else ''}.test"


class Hole:
    """A host that answers no SYN: its queue of connections is full, and nobody accepts them."""

    def __init__(self, test, address):
        self.sockets = [socket.socket()]
        self.sockets[0].bind((address, 25))
        self.sockets[0].listen(0)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((address, 25))
            self.sockets.append(filler)
        test.defer(self.close)

    def close(self):
        for one in self.sockets:
            one.close()


rules = ("greeting address {net}.1.0/24 every 2 reply 421 4.3.2 not now",
         "rcpt address {net}.2.0/24 every 4 delay 30 reply 450 4.2.1 not now",
         "data address {net}.2.0/24 every 7 reply 451 4.3.0 not now",
         "data-end address {net}.2.0/24 every 9 drop",
         "rcpt address {net}.3.0/24 reply 550 5.1.1 nobody of that name")


def start(t, net, count):
    server = nameserver.Nsd(t, {"test": records(net, count)})
    front = nameserver.Losing(t, server, "unanswered")
    for number in range(min(count, 4)):
        Hole(t, f"{net}.6.{number + 1}")
    listen = [f"{net}.{third}.1-{net}.{third}.{min(count, 250)}:25" for third in range(4)]
    sink = Sink(t, *listen, rules=[rule.format(net=net) for rule in rules])
    daemon = t.daemon(text=f"""\
resolver {front.address} timeout {"2s" if t.long else "500ms"} attempts 2
queue retry-interval 10ms
table users {{ "{sender}" = "alice" }}
table base {{ "alice" = "{{owner}}:{{mail}}/alice" }}
listen on 127.0.0.1 port {{port}} hostname us.test
action "local" maildir virtual <users> userbase <base>
action "out" relay
match from any for domain "us.test" action "local"
match from any for any action "out"
""", users=["alice"])
    return daemon, sink


def send_all(daemon, recipients, per_message=10):
    """Every recipient one message, several of them together; {(id, recipient)}."""
    groups = [recipients[first:first + per_message]
              for first in range(0, len(recipients), per_message)]
    for first in range(0, len(groups), 50):
        with daemon.client() as client:
            client.hello()
            for number, group in list(enumerate(groups))[first:first + 50]:
                content = messages.simple(number, fields=[f"X-Ringpost-Load: to-{number}"])
                client.transaction(content, "data-pipelined", recipients=group, sender=sender)
            client.quit()
    return {(f"to-{number}", one) for number, group in enumerate(groups) for one in group}


def of_fate(sent, wanted):
    return {(key, recipient) for key, recipient in sent if fate[kind_of(recipient)] == wanted}


def kind_of(recipient):
    return recipient.partition("@")[2].partition("-")[0]


@case(seconds=240)
def hundreds_of_destinations(t):
    """Preferences, aliases, null MX, hosts without an address, servers that are dead, busy, shaky,
    away for a while, names without an answer: each as it should be, and in time."""
    net = network(t)
    count = 250 if t.long else each
    daemon, sink = start(t, net, count)
    rng = random.Random(27)
    recipients = [f"user{user}@{domain_of(kind, number)}"
                  for kind in fate for number in range(count)
                  for user in range(10 if fate[kind] == "arrives" else 1)]
    # The dead come first: who is behind them would have to wait for them.
    recipients.sort(key=lambda recipient: (fate[kind_of(recipient)] != "waits", rng.random()))
    began = time.monotonic()
    sent = send_all(daemon, recipients)
    arriving = of_fate(sent, "arrives")
    well = {pair for pair in arriving if kind_of(pair[1]) not in ("busy", "shaky")}
    t.eventually(lambda: well <= sink.arrived().keys(), "the well have their mail",
                 90 if t.long else 30)
    took = time.monotonic() - began
    t.eventually(lambda: arriving <= sink.arrived().keys(), "the unwell have theirs", 60)
    waiting = {recipient for _, recipient in of_fate(sent, "waits")}
    t.eventually(lambda: {row["to"] for row in daemon.queue()} == waiting,
                 "only mail for the dead is left", 30)
    check_failures(t, daemon, sent)
    again = Sink(t, f"{net}.5.1-{net}.5.{min(count, 250)}:25", ledger=sink.ledger)
    daemon.control_ok("schedule", "all")
    away = {pair for pair in of_fate(sent, "waits") if kind_of(pair[1]) == "away"}
    t.eventually(lambda: away <= sink.arrived().keys(), "servers that returned have theirs", 60)
    arrived = sink.arrived()
    t.equal(set(arrived) - arriving - away, set(), "arrived where it should not")
    t.equal({pair: times for pair, times in arrived.items() if times > 1}, {}, "came twice")
    t.equal(again.stop()["recipients"], len(away))
    figures = sink.counts()
    t.equal(figures["recipients"], len(arriving))
    t.note(f"{len(sent)} recipients at {len(fate) * count} destinations; the {len(well)} at well "
           f"ones arrived in {took:.1f} s; {len(waiting)} could not meanwhile; "
           f"{figures['refused']} refusals, {figures['dropped']} dropped")


def check_failures(t, daemon, sent):
    """Each hopeless recipient failed once with its own status, and no other did."""
    failed = collections.Counter(
        (event["to"], event["status"]) for event in daemon.events("attempt.finished")
        if event["result"] == "failed")
    expected = collections.Counter(
        (recipient, fate[kind_of(recipient)]) for _, recipient in sent
        if fate[kind_of(recipient)][0] == "5")
    t.equal(failed, expected, "failures")

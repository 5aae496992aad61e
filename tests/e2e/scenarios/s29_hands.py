"""The operator's hands: which recipients are meant, and what is done to them while mail goes on."""
import time

from harness import maildir, messages, smtp
from harness.case import case

relayed = ['action "out" relay host "smtp://127.0.0.1:9"', 'match from any for any action "out"']


def holding(t, *sent, **options):
    """A daemon with deliveries paused, and the ids of messages (sender, recipients) in its queue."""
    daemon = t.daemon(**options)
    daemon.control_ok("pause", "mda")
    identifiers = []
    with daemon.client() as client:
        client.hello()
        for number, (sender, recipients) in enumerate(sent):
            reply = client.transaction(messages.simple(number), sender=sender,
                                       recipients=recipients)
            smtp.check(reply, 250, "2.0.0")
            identifiers.append(reply.queue_id)
    return daemon, identifiers


def meant(daemon, *words):
    """The addresses of the rows of `show queue` with these conditions."""
    return sorted(row["to"] for row in daemon.rows("show", "queue", *words))


alice, bob = "alice@example.test", "bob@example.test"
three = (("one@a.test", (alice, bob)), ("two@b.test", (alice,)), ("", (bob,)))


@case()
def conditions(t):
    """show queue takes conditions that must all be met, and says what is wrong with others."""
    daemon, ids = holding(t, *three, directives=["engine cores 2"])
    t.equal(meant(daemon, "recipient", "BOB@example.test"), [bob, bob])
    t.equal(len(meant(daemon, "limit", "3")), 3)
    t.equal(meant(daemon, "domain", "*.test"), [alice, alice, bob, bob])
    t.equal(meant(daemon, "domain", "other.test"), [])
    t.equal(meant(daemon, "sender", "@a.test"), [alice, bob])
    t.equal(meant(daemon, "sender", "<>"), [bob])
    t.equal(meant(daemon, "sender", "two@b.test", "recipient", bob), [])
    t.equal(meant(daemon, "status", "paused", "newer", "1h"), [alice, alice, bob, bob])
    t.equal(meant(daemon, "held"), [])
    t.equal(meant(daemon, "older", "1h"), [])
    t.equal(meant(daemon, ids[0]), [alice, bob])
    t.equal(meant(daemon, ids[0] + ".1", ids[1]), [alice, bob])
    for words, complaint in ((("older", "soon"), b"is not a time"),
                             (("recipient",), b"needs a value"),
                             (("to", bob), b"is neither a queue id")):
        done = daemon.control("show", "queue", *words)
        t.equal(done.returncode, 2, f"{words}")
        t.true(complaint in done.stderr, done.stderr)


@case()
def remove_by_condition(t):
    """remove takes recipients out, not their messages; that lasts."""
    daemon, ids = holding(t, *three)
    t.equal(daemon.control_ok("remove", "recipient", bob), b"2 recipients removed\n")
    t.equal(meant(daemon), [alice, alice])
    daemon.kill()
    daemon.start()
    t.equal({m.queue_id for m in daemon.wait_delivered(2)}, {ids[0], ids[1]})
    daemon.wait_queue_empty()
    t.equal(daemon.delivered("bob"), [])
    t.equal(daemon.control("remove").returncode, 2, "without saying what")
    t.equal(daemon.control_ok("remove", "all"), b"0 recipients removed\n")
    t.equal(daemon.control("remove", ids[0]).returncode, 1, "what is gone")


@case(seconds=120)
def many_while_mail_goes_on(t):
    """Orders for thousands of recipients are done in steps; mail is accepted all the while."""
    count, per_message = 60, 100
    daemon = t.daemon(rules=relayed,
                      directives=["engine cores 2", "smtp limit max-rcpt 200"])
    daemon.control_ok("pause", "mda")
    with daemon.client() as client:
        client.hello()
        for number in range(count):
            recipients = [f"user{number}-{i}@d{i % 10}.test" for i in range(per_message)]
            smtp.check(client.transaction(messages.simple(number), recipients=recipients), 250)
        t.equal(len(daemon.queue()), count * per_message)
        t.equal(len(meant(daemon, "domain", "d3.test")), count * per_message // 10)
        began = time.monotonic()
        removed = daemon.control_ok("remove", "domain", "d3.test")
        t.note(f"{removed.decode().strip()} in {time.monotonic() - began:.2f} s")
        t.equal(removed, b"600 recipients removed\n")
        t.equal(daemon.control_ok("remove", "limit", "1500"), b"1500 recipients removed\n")
        smtp.check(client.transaction(messages.simple(count), recipients=["late@d3.test"]), 250)
    t.equal(len(daemon.queue()), count * per_message - 2100 + 1)
    t.equal(daemon.control_ok("remove", "older", "0s"),
            b"%d recipients removed\n" % (count * per_message - 2100 + 1))
    t.equal(daemon.queue(), [])


def states(daemon):
    return sorted((row["to"], row["state"]) for row in daemon.queue())


@case()
def hold_and_release(t):
    """What is held is not tried, whatever happens to the daemon, until it is released."""
    daemon, ids = holding(t, *three)
    t.equal(daemon.control_ok("hold", "recipient", bob), b"2 recipients held\n")
    t.equal(states(daemon), [(alice, "paused")] * 2 + [(bob, "held")] * 2)
    t.equal(meant(daemon, "held"), [bob, bob])
    daemon.control_ok("resume", "mda")
    t.equal(len(daemon.wait_delivered(2)), 2)
    t.equal(daemon.control_ok("schedule", "all"),
            b"0 recipients scheduled\n2 recipients held, and to be released first\n")
    for end in (daemon.kill, daemon.stop):
        end()
        daemon.start()
        time.sleep(0.3)
        t.equal(states(daemon), [(bob, "held")] * 2)
    envelope = daemon.rows("show", "envelope", ids[0])[0]["recipients"]
    t.equal([(r["state"], r["next_try"]) for r in envelope], [("delivered", None), ("held", None)])
    t.equal(daemon.delivered("bob"), [])
    t.equal(daemon.control_ok("release", ids[0]), b"1 recipient released\n")
    t.equal([m.queue_id for m in daemon.wait_delivered(1, "bob")], [ids[0]])
    daemon.kill()
    daemon.start()
    t.equal(states(daemon), [(bob, "held")])
    t.equal(daemon.control_ok("release", "all"), b"1 recipient released\n")
    t.equal(len(daemon.wait_delivered(2, "bob")), 2)
    daemon.wait_queue_empty()


def reports(t, daemon, count):
    """What carol was told, once there are exactly so many reports."""
    path = daemon.maildir_of("carol")
    t.eventually(lambda: maildir.count(path) >= count, f"{count} reports")
    files = maildir.files(path)
    t.equal(len(files), count, "reports")
    texts = []
    for name in files:
        with open(name, "rb") as file:
            texts.append(file.read())
    return texts


@case()
def bounce(t):
    """The sender gets one report that the operator has returned the message, and it is over."""
    daemon, ids = holding(t, ("carol@example.test", (alice, bob, "carol@example.test")), *three,
                          users=("alice", "bob", "carol"))
    daemon.control_ok("hold", ids[0] + ".0")
    t.equal(daemon.control_ok("bounce", ids[0] + ".0", ids[0] + ".1"), b"2 recipients bounced\n")
    t.equal(daemon.control_ok("bounce", "sender", "<>", "recipient", bob), b"1 recipient bounced\n")
    t.equal(meant(daemon, ids[0]), ["carol@example.test"])
    daemon.control_ok("remove", ids[0], ids[1], ids[2])
    daemon.kill()
    daemon.start()
    report = reports(t, daemon, 1)[0]
    for text in (b"Status: 5.7.0", b"Action: failed", b"Final-Recipient: rfc822; " + bob.encode(),
                 b"The operator of this mail server has returned the message"):
        t.true(text in report, f"{text!r} in\n{report.decode(errors='replace')}")
    t.equal(report.count(b"Action: failed"), 2)
    daemon.wait_queue_empty()
    t.equal((daemon.delivered(), daemon.delivered("bob")), ([], []))
    reports(t, daemon, 1)


@case()
def bounce_all(t):
    """Reports that an order makes are not met by it."""
    daemon, _ = holding(t, *[("carol@example.test", (alice, bob))] * 30,
                        users=("alice", "bob", "carol"))
    t.equal(daemon.control_ok("bounce", "all"), b"60 recipients bounced\n")
    daemon.control_ok("resume", "mda")
    reports(t, daemon, 30)
    daemon.wait_queue_empty()

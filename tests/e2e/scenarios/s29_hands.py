"""The operator's hands: which recipients are meant, and what is done to them while mail goes on."""
import time

from harness import lmtp, maildir, messages, smtp
from harness.case import case
from harness.daemon import free_port

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
    t.eventually(lambda: len(daemon.queue()) == 2, "recorded")
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


def why(daemon, *words):
    return [(row["recipient"], row["obstacle"]) for row in daemon.rows("why", *words)]


@case()
def why_local(t):
    """A recipient for a mailbox: paused, held, waiting for its next attempt, gone."""
    daemon, ids = holding(t, *three, directives=["queue retry-interval 1h"])
    t.equal(why(daemon, ids[0]), [(0, "paused"), (1, "paused")])
    daemon.control_ok("hold", ids[0] + ".1")
    t.equal(why(daemon, ids[0] + ".1"), [(1, "held")])
    with open(daemon.maildir_of("alice"), "wb"):
        pass
    daemon.control_ok("resume", "mda")
    t.eventually(lambda: daemon.queue()[0]["attempts"] == 1, "tried once")
    row = daemon.rows("why", ids[0] + ".0")[0]
    t.equal((row["obstacle"], row["attempts"]), ("retry", 1))
    t.true(row["until"] is not None and "Not a directory" in row["last_error"], f"{row}")
    text = daemon.control_ok("why", ids[0]).decode()
    t.true(f"{ids[0]}.1: the operator holds it\n" in text and "until        in " in text, text)
    done = daemon.control("why", "0123456789abcdef")
    t.equal(done.returncode, 1)
    t.true(b"nothing of 0123456789abcdef is in the queue" in done.stderr, done.stderr)


@case()
def what_waits_for_a_dead_server(t):
    """why, show destinations and show routes name the server that no connection reaches."""
    port = free_port()
    daemon = t.daemon(rules=[f'action "out" relay host "smtp://127.0.0.1:{port}"', relayed[1]],
                      directives=["engine cores 2"])
    with daemon.client() as client:
        client.hello()
        ids = [client.transaction(messages.simple(i), recipients=[f"u{i}@far.test"]).queue_id
               for i in range(12)]
    name = f"127.0.0.1:{port}"
    # Some have had an attempt of their own, the others find that the server is left alone.
    found = t.eventually(lambda: [i for i in ids if why(daemon, i) == [(0, "left alone")]],
                         "some find the server left alone")
    t.eventually(lambda: {why(daemon, i)[0][1] for i in ids} <= {"retry", "left alone"}, "all wait")
    row = daemon.rows("why", found[0])[0]
    t.equal(row["destination"], name)
    t.true("refused" in row["last_error"], f"{row}")
    t.true(row["until"] is not None and row["deadline"] is not None, f"{row}")
    destination = daemon.rows("show", "destinations")
    t.equal([(d["destination"], d["waiting"] + d["ready"], d["state"]) for d in destination],
            [(name, 12, "left alone")])
    t.true(name in daemon.control_ok("show", "destinations").decode(), "for people")
    t.equal(daemon.rows("show", "destinations", "domain", "elsewhere.test"), [])
    t.equal(daemon.control("show", "destinations", "held").returncode, 1)
    routes = daemon.rows("show", "routes", "far.test")
    t.equal([(r["action"], r["destination"], r["addresses"]) for r in routes],
            [("out", name, [name])])
    t.equal(daemon.rows("show", "hosts"), [])
    daemon.control_ok("hold", ids[0])
    t.equal(why(daemon, ids[0]), [(0, "held")])
    row = daemon.rows("show", "destinations")[0]
    t.equal(row["waiting"] + row["ready"], 11)
    daemon.control_ok("bounce", ids[0])
    host = lmtp.Server(t, smtp=True, address=("127.0.0.1", port))
    host.hangs.set()
    daemon.control_ok("schedule", "all")
    hosts = t.eventually(lambda: daemon.rows("show", "hosts"), "a connection")
    t.equal([(row["server"], row["destination"]) for row in hosts], [(name, name)])
    t.true(1 <= hosts[0]["connections"] <= 12, f"{hosts}")
    host.hangs.clear()
    daemon.wait_queue_empty()
    t.equal(len(host.messages), 12, "eleven messages and a report")


@case()
def pause_mta(t):
    """pause mta stops relaying, to all or to a domain, and nothing else."""
    host = lmtp.Server(t, smtp=True)
    daemon = t.daemon(rules=['action "local" maildir virtual <users> userbase <base>',
                             f'action "out" relay domain {{ "a.test" = "smtp://{host.destination}", '
                             f'"b.test" = "smtp://localhost:{host.destination.split(":")[1]}" }}',
                             'match from any for rcpt-to "alice@example.test" action "local"',
                             'match from any for any action "out"'],
                      directives=["engine cores 2"])

    def send(*recipients):
        with daemon.client() as client:
            client.hello()
            for recipient in recipients:
                smtp.check(client.transaction(messages.simple(1), recipients=[recipient]), 250)

    daemon.control_ok("pause", "mta")
    send("x@a.test", "x@b.test", alice)
    daemon.wait_delivered(1)
    t.eventually(lambda: states(daemon) == [("x@a.test", "paused"), ("x@b.test", "paused")],
                 "both paused")
    t.equal(meant(daemon, "status", "paused"), ["x@a.test", "x@b.test"])
    t.equal([row["obstacle"] for row in daemon.rows("why", daemon.queue()[0]["id"])], ["paused"])
    t.equal({row["name"] for row in daemon.rows("pause") if row["paused"]}, {"mta"})
    daemon.control_ok("pause", "mta", "for", "LocalHost")
    daemon.control_ok("resume", "mta")
    t.eventually(lambda: len(host.messages) == 1, "one relayed")
    t.equal({row["name"] for row in daemon.rows("pause") if row["paused"]}, {"mta for localhost"})
    send("y@b.test")
    time.sleep(0.3)
    t.equal(states(daemon), [("x@b.test", "paused"), ("y@b.test", "paused")])
    daemon.control_ok("resume", "mta", "for", "localhost")
    daemon.wait_queue_empty()
    t.equal(len(host.messages), 3)
    t.equal(daemon.control("resume", "mta", "for", "localhost").returncode, 1)


@case()
def reroute(t):
    """What waits for a dead server goes to another one, at once; what goes to mailboxes does not."""
    port, host = free_port(), lmtp.Server(t, smtp=True)
    daemon = t.daemon(rules=['action "local" maildir virtual <users> userbase <base>',
                             f'action "out" relay host "smtp://127.0.0.1:{port}"',
                             'match from any for rcpt-to "alice@example.test" action "local"',
                             relayed[1]],
                      directives=["engine cores 2"])
    daemon.control_ok("pause", "mda")
    with daemon.client() as client:
        client.hello()
        ids = [client.transaction(messages.simple(i), recipients=[f"u{i}@d{i % 2}.test", alice])
               .queue_id for i in range(12)]
    t.eventually(lambda: daemon.rows("show", "destinations")[0]["state"] == "left alone", "dead")
    t.eventually(lambda: "active" not in {state for _, state in states(daemon)}, "nothing tried")
    t.equal(daemon.control_ok("reroute", "for", "d0.test", "to", host.destination),
            b"6 recipients rerouted\n")
    t.eventually(lambda: len(host.messages) == 6, "six messages elsewhere")
    t.equal({m["recipients"][0].partition("@")[2] for m in host.messages}, {"d0.test"})
    daemon.control_ok("hold", ids[1] + ".0")
    t.equal(daemon.control_ok("reroute", "all", "to", f"smtp://{host.destination}"),
            b"6 recipients rerouted\n12 recipients not relayed, and left as they are\n")
    t.eventually(lambda: len(host.messages) == 11, "all but the one that is held")
    t.eventually(lambda: len(daemon.queue()) == 13, "recorded")
    daemon.control_ok("release", "all")
    t.eventually(lambda: len(host.messages) == 12, "the last one")
    daemon.control_ok("resume", "mda")
    daemon.wait_queue_empty()
    t.equal(len(daemon.delivered()), 12)
    t.equal(len({(m["recipients"][0]) for m in host.messages}), 12, "each once")
    for words in (("all", "to", "smtps://label@b.test"), ("all", "to", "smtp://label@b.test"),
                  ("all", "to", "b.test:0")):
        done = daemon.control("reroute", *words)
        t.equal(done.returncode, 1, f"{words}")
        t.true(b"is not a host" in done.stderr, done.stderr)

"""Relaying to a host that the configuration names: what goes over, and what becomes of failures."""
import email.message
import email.policy
import functools
import os

from harness import ledger, lmtp, mail, maildir, messages, nameserver
from harness.case import case
from harness.daemon import default_match

send = functools.partial(mail.send, sender="alice@example.test")


def start(t, *hosts, options="", before=(), local=True, **arguments):
    """A daemon that delivers alice's mail and relays everything else."""
    listed = ", ".join(f'"{host}"' for host in hosts)
    rules = ['action "local" maildir virtual <users> userbase <base>',
             f'action "out" relay host {{ {listed} }} {options}']
    if local:
        rules.append('match from any for rcpt-to "alice@example.test" action "local"')
    rules.append('match from any for any action "out"')
    return t.daemon(directives=["queue retry-interval 100ms", *before], rules=rules, **arguments)


def results(t, daemon, count):
    """The attempts that ended, by recipient, once there are so many."""
    t.eventually(lambda: len(daemon.events("attempt.finished")) >= count, f"{count} attempts")
    return {event["to"]: (event["result"], event["status"])
            for event in daemon.events("attempt.finished")}


@case()
def a_host_takes_it(t):
    """Envelope and content go over unchanged, recipients share a transaction, a connection serves
    many messages."""
    server = lmtp.Server(t, smtp=True)
    daemon = start(t, "smtp://" + server.destination, options='helo "out.example.test"')
    for number in range(3):
        send(daemon, number, "x@there.test", "y@there.test")
        daemon.wait_queue_empty()
    t.equal(server.hello, "out.example.test")
    t.equal(server.connections, 1)
    t.equal(results(t, daemon, 6), {"x@there.test": ("relayed", "2.0.0"),
                                    "y@there.test": ("relayed", "2.0.0")})
    for number, message in enumerate(server.messages):
        t.equal((message["sender"], message["recipients"]),
                ("alice@example.test", ["x@there.test", "y@there.test"]))
        t.true(message["content"].startswith(b"Received: from client.example.test"), "trace")
        t.true(message["content"].endswith(messages.simple(number)), "content")
    figures = daemon.statistics()
    t.equal(figures["ringpost_delivery_relayed_total"], 6)


@case()
def content_goes_in_one_piece(t):
    """A server that announces CHUNKING gets BDAT: dots stay as they are, of any size."""
    server = t.daemon()
    server.control_ok("log", "verbose")
    daemon = start(t, f"127.0.0.1:{server.port}", local=False)
    contents = [b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n",
                b"Subject: large\r\n\r\n" + b".line\r\n" * 100_000]
    for content in contents:
        send(daemon, 1, "alice@example.test", content=content)
    t.eventually(lambda: maildir.count(server.maildir_of("alice")) == 2, "both arrive")
    stored = []
    for path in maildir.files(server.maildir_of("alice")):
        with open(path, "rb") as file:
            stored.append(file.read())
    for content in contents:
        kept = content.replace(b"\r\n", b"\n")
        t.true(any(one.endswith(kept) for one in stored), "octet for octet")
    t.eventually(lambda: sum(event["line"].startswith("BDAT ")
                             for event in server.events("session.received")) == 2, "two BDAT")
    t.true(all(event["line"] != "DATA" for event in server.events("session.received")), "no DATA")


@case()
def recipients_are_answered_one_by_one(t):
    """A 5xx at RCPT is told to the sender, a 4xx is tried again, the others are relayed."""
    server = lmtp.Server(t, smtp=True)
    server.at_rcpt["no@there.test"] = "550 5.1.1 No such user"
    server.at_rcpt["later@there.test"] = "450 4.2.1 Try later"
    daemon = start(t, server.destination)
    send(daemon, 1, "yes@there.test", "no@there.test", "later@there.test")
    path = daemon.maildir_of("alice")
    t.eventually(lambda: maildir.count(path) == 1, "the report")
    with open(maildir.files(path)[0], "rb") as file:
        report = file.read()
    t.true(b"Final-Recipient: rfc822; no@there.test" in report, report)
    t.true(b"550 5.1.1 No such user" in report, report)
    t.true(b"yes@there.test" not in report, "others")
    server.at_rcpt.clear()
    daemon.wait_queue_empty(30)
    t.equal([m["recipients"] for m in server.messages], [["yes@there.test"], ["later@there.test"]])


@case()
def another_host_is_tried(t):
    """Hosts are taken in turns: with one that is not there mail goes by the other."""
    server = lmtp.Server(t, smtp=True)
    gone = lmtp.Server(t, smtp=True)
    gone.end()
    daemon = start(t, server.destination, gone.destination)
    for number in range(6):
        send(daemon, number, f"user{number}@there.test")
    daemon.wait_queue_empty(40)
    t.equal(sorted(m["recipients"][0] for m in server.messages),
            [f"user{number}@there.test" for number in range(6)])


@case()
def wishes_go_on_or_are_answered(t):
    """RFC 3461: a server with DSN gets NOTIFY, ORCPT, RET and ENVID; for one without, we tell."""
    knows = lmtp.Server(t, smtp=True, announced=["PIPELINING", "DSN", "8BITMIME"])
    plain = lmtp.Server(t, smtp=True)
    wishes = {"mail": " RET=HDRS ENVID=QQ1",
              "rcpt": " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;old@there.test"}
    first = start(t, knows.destination)
    send(first, 1, "x@there.test", **wishes)
    first.wait_queue_empty()
    lines = knows.messages[0]["lines"]
    t.true("RET=HDRS" in lines[0] and "ENVID=QQ1" in lines[0], lines[0])
    t.true("NOTIFY=SUCCESS,FAILURE" in lines[1] and "ORCPT=rfc822;old@there.test" in lines[1],
           lines[1])
    t.equal(first.events("report.queued"), [])
    second = start(t, plain.destination)
    send(second, 2, "x@there.test", **wishes)
    second.wait_queue_empty()
    t.equal(plain.messages[0]["lines"], ["MAIL FROM:<alice@example.test>",
                                         "RCPT TO:<x@there.test>"])
    [path] = maildir.files(second.maildir_of("alice"))
    with open(path, "rb") as file:
        t.true(b"Action: relayed" in file.read(), "a relayed report")


@case()
def content_that_the_server_cannot_take(t):
    """8-bit content that is not MIME, and UTF-8 addresses, are refused here when the server does
    not announce them."""
    server = lmtp.Server(t, smtp=True, announced=["PIPELINING"])
    daemon = start(t, server.destination)
    send(daemon, 1, "x@there.test", mail=" BODY=8BITMIME",
         content=b"Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9fe\r\n")
    send(daemon, 2, "x@there.test", mail=" SMTPUTF8", content=messages.simple(2))
    path = daemon.maildir_of("alice")
    t.eventually(lambda: maildir.count(path) == 2, "two reports")
    daemon.wait_queue_empty()
    t.equal(server.messages, [])


@case()
def content_that_is_converted(t):
    """8-bit parts become quoted-printable and base64 for a server that takes no others, and mean
    what they meant; what has 7 bits, and what a server with 8BITMIME gets, stays as it is."""
    old = lmtp.Server(t, smtp=True, announced=["PIPELINING", "SIZE 100000000"])
    new = lmtp.Server(t, smtp=True, announced=["PIPELINING", "8BITMIME"])
    parts = email.message.EmailMessage(policy=email.policy.SMTP.clone(cte_type="8bit"))
    parts["Subject"] = "parts"
    parts.set_content("Gr\u00fc\u00dfe \n" + "\u20ac" * 300 + "\n", cte="8bit")
    parts.add_attachment(bytes(range(128, 256)) * 9000, "application", "x-test", cte="8bit",
                         filename="octets")
    parts.add_attachment("plain\n")
    content = parts.as_bytes()
    plain = messages.simple(2)
    for server in (old, new):
        daemon = start(t, server.destination)
        send(daemon, 1, "x@there.test", "y@there.test", mail=" BODY=8BITMIME", content=content)
        daemon.wait_queue_empty()
        send(daemon, 2, "x@there.test", mail=" BODY=8BITMIME", content=plain)
        daemon.wait_queue_empty()
    taken = old.messages[0]
    t.true(max(taken["content"]) < 128, "7 bits")
    t.equal(f"SIZE={len(taken['content'])}" in taken["lines"][0], True)
    t.true("BODY" not in taken["lines"][0], taken["lines"][0])
    meant, got = (list(email.message_from_bytes(octets).walk())
                  for octets in (content, taken["content"]))
    t.equal([part.get_content_type() for part in got], [part.get_content_type() for part in meant])
    for mine, theirs in zip(got[1:], meant[1:]):
        t.equal(mine.get_payload(decode=True), theirs.get_payload(decode=True))
    t.true(old.messages[1]["content"].endswith(plain), "unchanged")
    t.true(new.messages[0]["content"].endswith(content), "unchanged")


@case()
def servers_that_fail(t):
    """Refused at the greeting, hung up on, silent: mail waits with the reason and is relayed when
    the server is well."""
    server = lmtp.Server(t, smtp=True)
    server.greeting = "421 4.3.2 not now"
    daemon = start(t, server.destination)
    send(daemon, 1, "x@there.test")
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] > 0], "an attempt")[0]
    t.true("421" in row["last_error"] and "not now" in row["last_error"], row["last_error"])
    server.greeting = "220 well again"
    daemon.wait_queue_empty(40)
    t.equal(len(server.messages), 1)


@case(seconds=120)
def killed_while_relaying(t):
    """A chain of two daemons under load, the first killed again and again: nothing is lost."""
    behind = t.daemon()
    front = start(t, f"smtp://127.0.0.1:{behind.port}", local=False)
    acknowledged = {}
    for life in range(4 if t.long else 2):
        load = ledger.Load(front, f"life{life}", users=("alice", "bob"))
        t.eventually(lambda: len(load.acknowledged) >= 150, "a load", 30)
        front.kill()
        load.stop()
        acknowledged.update(load.acknowledged)
        front.start()
    front.wait_queue_empty(60)
    behind.wait_queue_empty(30)
    ledger.account(t, behind, acknowledged, ("alice", "bob"), servers=2)


zones = {"test": [
    "two MX 20 second", "two MX 10 first", "three MX 20 second", "three MX 10 first", "first A 127.0.1.1", "second A 127.0.1.2",
    "busy MX 10 unwell", "busy MX 20 second", "unwell A 127.0.1.3",
    "plain A 127.0.1.2", "none MX 0 .", "round MX 10 us", "us A 127.0.0.1",
    "mirror MX 10 other", "mirror MX 20 second", "other A 127.0.0.1",
    "backed MX 10 second", "backed MX 20 us", "nowhere MX 10 no-such-host", "alias CNAME two"]}


def by_mx(t, **arguments):
    """A daemon called us.test that relays by the zones' MX records."""
    if os.getuid() != 0:
        t.skip("only root can listen on port 25")
    server = nameserver.Nsd(t, zones)
    return t.daemon(text=f"""\
resolver {server.address}
queue retry-interval 100ms
table users {{ "alice@example.test" = "alice" }}
table base {{ "alice" = "{{owner}}:{{mail}}/alice" }}
listen on 127.0.0.1 port {{port}} hostname us.test
action "local" maildir virtual <users> userbase <base>
action "out" relay
match from any for domain "example.test" action "local"
match from any for any action "out"
""", **arguments)


def exchanger(t, address):
    try:
        return lmtp.Server(t, smtp=True, address=(address, 25))
    except OSError as fault:
        return t.skip(f"cannot listen on {address}:25: {fault}")


@case()
def mail_exchangers(t):
    """The preferred host first, the next when it is away or does not want to talk, the domain
    itself without MX records, and only hosts before ourselves."""
    second = exchanger(t, "127.0.1.2")
    unwell = exchanger(t, "127.0.1.3")
    unwell.greeting = "421 4.3.2 not now"
    daemon = by_mx(t)
    for number, domain in enumerate(("two", "busy", "plain", "backed", "alias")):
        send(daemon, number, f"x@{domain}.test")
    daemon.wait_queue_empty(30)
    t.equal(sorted(m["recipients"][0] for m in second.messages),
            sorted(f"x@{domain}.test" for domain in ("two", "busy", "plain", "backed", "alias")))
    t.true(unwell.connections >= 1, "the preferred one was asked")
    first = exchanger(t, "127.0.1.1")
    send(daemon, 9, "y@three.test")
    daemon.wait_queue_empty(30)
    t.equal([m["recipients"] for m in first.messages], [["y@three.test"]])
    details = [event["detail"] for event in daemon.events("attempt.finished")]
    t.true(any(detail.startswith("first.test[127.0.1.1]: 250") for detail in details), details)


@case()
def domains_without_servers(t):
    """Null MX, no such domain, ourselves, hosts without addresses: told to the sender at once."""
    daemon = by_mx(t)
    statuses = {"none": "5.1.10", "absent": "5.1.2", "round": "5.4.6", "mirror": "5.4.6",
                "nowhere": "5.4.4"}
    for number, domain in enumerate(statuses):
        send(daemon, number, f"x@{domain}.test")
    daemon.wait_queue_empty(30)
    t.equal(results(t, daemon, 10), {"alice@example.test": ("delivered", "2.0.0"),
                                    **{f"x@{domain}.test": ("failed", status)
                                       for domain, status in statuses.items()}})
    t.equal(maildir.count(daemon.maildir_of("alice")), 5, "reports")


@case()
def a_name_server_that_is_away(t):
    """Mail waits while nobody can say where it goes, and goes when somebody can."""
    second = exchanger(t, "127.0.1.2")
    daemon = by_mx(t)
    with open(daemon.configuration_path, encoding="utf-8") as file:
        good = file.read()
    broken = "\n".join(line if not line.startswith("resolver") else "resolver 127.0.0.1:9"
                       for line in good.splitlines())
    with open(daemon.configuration_path, "w", encoding="utf-8") as file:
        file.write(broken + "\n")
    daemon.control_ok("reload")
    send(daemon, 1, "x@two.test")
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] > 0], "an attempt", 50)[0]
    t.true("MX of two.test" in row["last_error"], row["last_error"])
    with open(daemon.configuration_path, "w", encoding="utf-8") as file:
        file.write(good)
    daemon.control_ok("reload")
    daemon.control_ok("schedule", "all")
    daemon.wait_queue_empty(50)
    t.equal(len(second.messages), 1)


@case()
def what_cannot_be_had_yet_is_refused_by_name(t):
    """A start names what is not available."""
    path = t.path("smtpd.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write('listen on 127.0.0.1 port 2599\n'
                   'queue encryption key.txt\n'
                   'action a relay host x.test\n'
                   'match for any action a\n')
    done = t.run_daemon("-d", "--home", t.path("home"), "-f", path)
    t.equal(done.returncode, 1)
    for part in ('smtpd.conf:2', 'queue encryption'):
        t.true(part in done.stderr, done.stderr)
    t.true(not os.path.exists(t.path("home", "spool")), "nothing was started")

"""The options of `relay`: from where, under which name, as whom, to which hosts."""
import functools
import os
import socket

from harness import lmtp, mail, maildir, nameserver
from harness.case import case

send = functools.partial(mail.send, sender="alice@example.test")


def start(t, *actions, before=(), **arguments):
    """A daemon that relays everything by the action `out`."""
    return t.daemon(
        directives=["queue retry-interval 100ms", *before],
        rules=[*actions, 'match from any for any action "out"'], **arguments)


def last_error(t, daemon):
    """Why the only recipient of the queue waits."""
    rows = t.eventually(lambda: [row for row in daemon.queue() if row["attempts"] > 0], "an attempt")
    return rows[0]["last_error"]


@case()
def source_addresses_take_turns(t):
    """Each connection goes out from the next address, under the name that it has."""
    servers = [lmtp.Server(t, smtp=True) for _ in range(2)]
    hosts = ", ".join(f'"{server.destination}"' for server in servers)
    daemon = start(t, f'action "out" relay host {{ {hosts} }} '
                      'src { 127.0.0.11, "::1", 127.0.0.12 } '
                      'helo-src { 127.0.0.11 = "eleven.test", 127.0.0.12 = "twelve.test" }',
                   before=["engine cores 1"])
    for number in range(8):
        send(daemon, number, f"user{number}@there.test")
        daemon.wait_queue_empty()
    t.equal(sorted({(m["client"], m["hello"]) for server in servers for m in server.messages}),
            [("127.0.0.11", "eleven.test"), ("127.0.0.12", "twelve.test")])


@case()
def a_source_that_is_not_ours(t):
    """Gives way to the next one; alone it makes mail wait, and the reason names it."""
    server = lmtp.Server(t, smtp=True)
    daemon = start(t, f'action "out" relay host "{server.destination}" src '
                      '{ 192.0.2.1, 127.0.0.13 }')
    for number in range(3):
        send(daemon, number, f"user{number}@there.test")
    daemon.wait_queue_empty()
    t.equal({m["client"] for m in server.messages}, {"127.0.0.13"})
    alone = start(t, f'action "out" relay host "{server.destination}" src 192.0.2.1')
    send(alone, 1, "x@there.test")
    reason = last_error(t, alone)
    t.true("from 192.0.2.1" in reason and "assign" in reason, reason)


@case()
def tables_that_cannot_help(t):
    """Mail waits, and the reason names the table."""
    server = lmtp.Server(t, smtp=True)
    host = f'host "{server.destination}"'
    for number, (options, expected) in enumerate((
            (host + " src <six>", '"six" has no address'),
            (host + " helo-src <names>", 'no name for 127.0.0.1 in table "names"'),
            ("domain <routes>", '"routes" has no host for there.test'),
            ("host <none>", '"none" is empty'))):
        daemon = start(t, f'action "out" relay {options}', before=[
            'table six { "::1" }', 'table names { 192.0.2.1 = x.test }',
            'table routes { other.test = "smtp://127.0.0.1:9" }', f"table none file:{empty(t)}"])
        send(daemon, number, "x@there.test")
        reason = last_error(t, daemon)
        t.true(expected in reason, (options, reason))
    t.equal(server.messages, [])


def empty(t):
    path = t.path("empty")
    with open(path, "w", encoding="ascii"):
        pass
    os.chmod(path, 0o644)
    return path


@case()
def hosts_have_names(t):
    """A host is looked up: of the machine's own names without a name server, others with one."""
    server = lmtp.Server(t, smtp=True)
    port = server.destination.rsplit(":", 1)[1]
    own = start(t, f'action "out" relay host "localhost:{port}"')
    send(own, 1, "x@there.test")
    own.wait_queue_empty()
    names = nameserver.Nsd(t, {"test": ["hub A 127.0.0.1"]})
    daemon = start(t, f'action "out" relay host {{ "hub.test:{port}", "lost.test:{port}" }}',
                   before=[f"resolver {names.address}"])
    for number in range(6):
        send(daemon, number, f"user{number}@there.test")
    daemon.wait_queue_empty(40)
    t.equal(len(server.messages), 7)
    details = {e["detail"] for e in daemon.events("attempt.finished") if e["result"] == "delayed"}
    t.equal(details, {"no address is known for lost.test"})


@case()
def domains_have_hosts(t):
    """Each domain goes to its own host, and no MX is asked for."""
    first = lmtp.Server(t, smtp=True)
    second = lmtp.Server(t)
    daemon = start(t, f'action "out" relay domain {{ one.test = "smtp://{first.destination}", '
                      f'two.test = "lmtp://{second.destination}" }}')
    send(daemon, 1, "a@one.test", "b@Two.test")
    daemon.wait_queue_empty()
    t.equal([m["recipients"] for m in first.messages], [["a@one.test"]])
    t.equal([m["recipients"] for m in second.messages], [["b@two.test"]])


@case()
def senders_are_replaced(t):
    """`mail-from` is what the server hears; reports go to whom they went, and keep the null path."""
    server = lmtp.Server(t, smtp=True)
    server.at_rcpt["no@there.test"] = "550 5.1.1 No such user"
    daemon = t.daemon(
        directives=["queue retry-interval 100ms"],
        rules=['action "local" maildir virtual <users> userbase <base>',
               f'action "out" relay host "{server.destination}" mail-from "@us.test"',
               'match from any for rcpt-to "alice@example.test" action "local"',
               'match from any for any action "out"'])
    send(daemon, 1, "x@there.test", "no@there.test")
    send(daemon, 2, "x@there.test", sender="")
    daemon.wait_queue_empty()
    t.equal(sorted(m["sender"] for m in server.messages), ["", "alice@us.test"])
    t.equal(maildir.count(daemon.maildir_of("alice")), 1, "the report")


@case()
def forwarded_mail_has_a_sender_of_ours(t):
    """`srs`: the next server sees a sender of our domain; reports to it go to the first sender,
    what is forged is refused, and mail that is not forwarded keeps its sender."""
    server = lmtp.Server(t, smtp=True)
    rules = ['action "local" maildir virtual <users> userbase <base>',
             f'action "out" relay host "{server.destination}" srs',
             'match from any for domain "example.test" action "local"',
             'match from any for domain "there.test" action "out"',
             'match from local for any action "out"']
    daemon = t.daemon(directives=["srs key one"], rules=rules,
                      virtual={"fwd@example.test": "x@there.test", "@example.test": "alice"})
    send(daemon, 1, "fwd@example.test", "direct@there.test", sender="bob@away.test")
    daemon.wait_queue_empty()
    senders = {m["recipients"][0]: m["sender"] for m in server.messages}
    rewritten = senders["x@there.test"]
    t.true(rewritten.startswith("SRS0=") and rewritten.endswith("=away.test=bob@example.test"),
           rewritten)
    t.equal(senders["direct@there.test"], "bob@away.test")
    t.equal(len({m["connection"] for m in server.messages}), 1, "one connection")
    send(daemon, 2, rewritten.lower(), sender="")
    daemon.wait_queue_empty()
    t.equal((server.messages[-1]["sender"], server.messages[-1]["recipients"]),
            ("", ["bob@away.test"]))
    forged = rewritten.replace("=bob@", "=eve@")
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<>", 250)
        client.expect(f"RCPT TO:<{forged}>", 550, "5.1.1")
        client.quit()


@case()
def backup_servers(t):
    """`backup mx NAME`: only servers that are preferred to NAME; none is a loop."""
    if os.getuid() != 0:
        t.skip("only root can listen on port 25")
    server = nameserver.Nsd(t, {"test": [
        "one MX 10 first", "one MX 20 mx2", "one MX 30 third", "two MX 10 mx2", "two MX 20 third",
        "first A 127.0.2.1", "mx2 A 127.0.2.2", "third A 127.0.2.3"]})
    try:
        third = lmtp.Server(t, smtp=True, address=("127.0.2.3", 25))
    except OSError as fault:
        t.skip(f"cannot listen on port 25: {fault}")
    daemon = start(t, 'action "out" relay backup mx "mx2.test"',
                   before=[f"resolver {server.address}"])
    send(daemon, 1, "x@one.test")
    reason = last_error(t, daemon)
    t.true("first.test[127.0.2.1]" in reason, reason)
    send(daemon, 2, "x@two.test")
    t.eventually(lambda: [e for e in daemon.events("attempt.finished")
                          if e["to"] == "x@two.test" and e["status"] == "5.4.6"], "a loop")
    t.equal(third.messages, [])


@case()
def an_address_that_swallows_packets(t):
    """Another one of the host is tried within seconds, not after the whole time for a connection."""
    silent = socket.socket()
    silent.bind(("127.0.1.1", 0))
    port = silent.getsockname()[1]
    silent.listen(0)
    t.defer(silent.close)
    fillers = [socket.socket() for _ in range(4)]  # its queue is full: what comes then is dropped
    for one in fillers:
        one.setblocking(False)
        one.connect_ex(("127.0.1.1", port))
        t.defer(one.close)
    server = lmtp.Server(t, address=("127.0.1.2", port), smtp=True)
    names = nameserver.Nsd(t, {"test": ["two A 127.0.1.1", "two A 127.0.1.2"]})
    daemon = start(t, f'action "out" relay host "two.test:{port}"',
                   before=[f"resolver {names.address}"])
    for number in range(5):
        send(daemon, number, "bob@elsewhere.test")
    t.eventually(lambda: len(server.messages) == 5, "all five arrive", 20)

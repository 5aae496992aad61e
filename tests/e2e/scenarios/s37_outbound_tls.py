"""TLS and AUTH towards other servers: when mail is encrypted, for whom, and what becomes of it where
that fails."""
import functools
import os
import ssl

from harness import certificates, lmtp, mail, peers
from harness.case import case
from harness.tls_server import TlsServer

send = functools.partial(mail.send, sender="alice@example.test")


def start(t, options, before=(), **arguments):
    """A daemon that relays everything by `relay OPTIONS`, a message a connection."""
    return t.daemon(directives=["queue retry-interval 100ms", "mta limit session-mail-max 1", *before],
                    rules=[f'action "out" relay {options}', 'match from any for any action "out"'],
                    **arguments)


def url(server, scheme="smtp", label=""):
    """The server as a relay's host, by the name that its certificate has."""
    port = server.destination.rsplit(":", 1)[1]
    return f'host "{scheme}://{label}localhost:{port}"'


def last_error(t, daemon):
    """Why the only recipient of the queue waits."""
    rows = t.eventually(lambda: [row for row in daemon.queue() if row["attempts"] > 0], "an attempt")
    return rows[0]["last_error"]


def trusted(authority):
    return [f'ca own cert "{authority.certificate}"']


@case()
def an_opportunity_is_used(t):
    """STARTTLS where it is offered, with whoever is there; the second session goes on from the first."""
    authority = certificates.Authority(t)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        server = TlsServer(t, *authority.issue(f"mx{version.value}", ["somebody.test"]), version=version)
        daemon = start(t, url(server))
        for number in range(3):
            send(daemon, number, "x@there.test")
            daemon.wait_queue_empty()
        t.equal([m["tls"] for m in server.messages], [version.name.replace("_", ".")] * 3)
        t.equal([m["resumed"] for m in server.messages], [False, True, True])
        t.equal({m["server_name"] for m in server.messages}, {"localhost"})
        seen = [event["tls"] for event in daemon.events("attempt.finished")]
        t.true(seen[0].startswith(server.messages[0]["tls"]) and "unverified" in seen[0], seen)
        t.true("resumed" in seen[1], seen)
        statistics = daemon.statistics()
        t.equal((statistics["ringpost_delivery_tls_full_total"],
                 statistics["ringpost_delivery_tls_resumed_total"]), (1, 2))


@case()
def an_opportunity_that_fails(t):
    """Costs a connection; the mail goes in the clear and the log says so."""
    authority = certificates.Authority(t)
    server = TlsServer(t, *authority.issue("mx", ["localhost"]), drops=True)
    refusing = TlsServer(t, *authority.issue("mx2", ["localhost"]), at_starttls=("454 4.7.0 No", b""))
    without = TlsServer(t, *authority.issue("mx3", ["localhost"]))
    for one, scheme, connections in ((server, "smtp", 2), (refusing, "smtp", 1),
                                     (without, "smtp+notls", 1)):
        daemon = start(t, url(one, scheme))
        send(daemon, 1, "x@there.test")
        daemon.wait_queue_empty()
        t.equal([m["tls"] for m in one.messages], [None])
        t.equal(one.connections, connections)
        failures = daemon.events("relay.tls_failed")
        t.equal([event["then"] for event in failures], ["in the clear"] if connections == 2 else [])
        t.true("tls" not in daemon.events("attempt.finished")[0], "said to be encrypted")


@case()
def what_is_required_is_not_done_without(t):
    """No TLS, or TLS that is taken away: the mail waits, and nothing of it is said in the clear."""
    authority = certificates.Authority(t)
    pair = authority.issue("mx", ["localhost"])
    plain = lmtp.Server(t, smtp=True)
    stripped = TlsServer(t, *pair, at_starttls=("454 4.7.0 Not today", b""))
    injecting = TlsServer(t, *pair, at_starttls=("220 Go", b"250 AUTH PLAIN\r\n"))
    dropping = TlsServer(t, *pair, drops=True)
    for server, options, reason in (
            (plain, url(plain, "smtp+tls"), "does not offer STARTTLS"),
            (plain, url(plain) + " tls no-verify", "does not offer STARTTLS"),
            (stripped, url(stripped, "smtp+tls"), "Not today"),
            (injecting, url(injecting) + " tls no-verify", "before the handshake"),
            (dropping, url(dropping, "smtp+tls"), "TLS:"),
            (plain, url(plain, "smtps"), "TLS:")):
        daemon = start(t, options)
        send(daemon, 1, "x@there.test")
        t.true(reason in last_error(t, daemon), (options, last_error(t, daemon)))
        t.equal(server.messages, [])
        daemon.stop()


@case()
def certificates_are_verified(t):
    """Where TLS is required: by an authority that is believed, for the name, today."""
    authority = certificates.Authority(t)
    stranger = certificates.Authority(t, "stranger")
    good = TlsServer(t, *authority.issue("good", ["localhost"]))
    for scheme, ca in (("smtp+tls", " ca own"), ("smtps", " ca own")):
        server = good if scheme == "smtp+tls" else TlsServer(
            t, *authority.issue("implicit", ["localhost"]), implicit=True)
        daemon = start(t, url(server, scheme) + ca, before=trusted(authority))
        for number in range(2):
            send(daemon, number, "x@there.test")
            daemon.wait_queue_empty()
        t.equal([m["resumed"] for m in server.messages], [False, True])
        seen = [event["tls"] for event in daemon.events("attempt.finished")]
        t.true(all(one.endswith(" verified") for one in seen), seen)
        daemon.stop()
    wrong = {
        "another name": authority.issue("another", ["other.test"]),
        "another authority": stranger.issue("strange", ["localhost"]),
        "too old": authority.issue("old", ["localhost"], days=-1),
    }
    for what, pair in wrong.items():
        server = TlsServer(t, *pair)
        daemon = start(t, url(server, "smtp+tls") + " ca own", before=trusted(authority))
        send(daemon, 1, "x@there.test")
        reason = last_error(t, daemon)
        t.true("certificate" in reason, (what, reason))
        t.note(f"{what}: {reason}")
        t.equal(server.messages, [], what)
        daemon.stop()
        careless = start(t, url(server) + " tls no-verify ca own", before=trusted(authority))
        send(careless, 1, "x@there.test")
        careless.wait_queue_empty()
        t.equal(len(server.messages), 1, what)
        careless.stop()


@case()
def a_relay_with_a_login(t):
    """AUTH by PLAIN and LOGIN over both kinds of TLS; a wrong password makes mail wait."""
    authority = certificates.Authority(t)
    secrets = t.path("secrets")

    def write(password):
        with open(secrets, "w", encoding="utf-8") as file:
            file.write(f"hub alice@example.test:{password}\n")
        os.chmod(secrets, 0o644)

    for number, (mechanisms, implicit) in enumerate((("PLAIN LOGIN", False), ("CRAM-MD5 LOGIN", True))):
        server = TlsServer(t, *authority.issue(f"mx{number}", ["localhost"]), implicit=implicit,
                           login="alice@example.test:se:same", mechanisms=mechanisms)
        write("wrong")
        daemon = start(t, url(server, "smtps" if implicit else "smtp+tls", "hub@")
                       + " auth <secrets> ca own",
                       before=[*trusted(authority), f"table secrets file:{secrets}"])
        send(daemon, 1, "x@there.test")
        t.true("535" in last_error(t, daemon), last_error(t, daemon))
        t.equal(server.messages, [])
        write("se:same")
        daemon.control_ok("update", "table", "secrets")
        daemon.wait_queue_empty()
        t.equal([m["login"] for m in server.messages], ["alice@example.test"])
        t.true("se:same" not in daemon.log(), "a password in the log")


@case()
def a_login_is_not_for_everybody(t):
    """No credentials in the clear, to a server that is not verified, or by a label that has none."""
    authority = certificates.Authority(t)
    plain = lmtp.Server(t, smtp=True, announced=["AUTH PLAIN LOGIN"])
    tricked = TlsServer(t, *authority.issue("mx", ["other.test"]), login="a:b")
    good = TlsServer(t, *authority.issue("mx2", ["localhost"]), login="a:b")
    for options, reason in (
            (url(plain, label="hub@") + " auth <secrets>", "STARTTLS"),
            (url(plain, "smtp+notls", "hub@") + " auth <secrets>", "not encrypted"),
            (url(tricked, "smtp+tls", "hub@") + " auth <secrets> ca own", "certificate"),
            (url(good, "smtp+tls", "none@") + " auth <secrets> ca own", 'no credentials for "none"'),
            (url(good, "smtp+tls", "hub@") + " ca own", "no auth table"),
            (url(good, "smtp+tls", "odd@") + " auth <secrets> ca own", "not user:password")):
        daemon = start(t, options, before=[*trusted(authority),
                                           'table secrets { hub = "a:b", odd = "ab" }'])
        send(daemon, 1, "x@there.test")
        t.true(reason in last_error(t, daemon), (options, last_error(t, daemon)))
        daemon.stop()
    t.equal(plain.messages + tricked.messages + good.messages, [])


@case()
def a_certificate_of_ours(t):
    """`pki` of a relay: shown to a server that asks for it, signed by the process that has the key."""
    authority = certificates.Authority(t)
    server = TlsServer(t, *authority.issue("mx", ["localhost"]),
                       clients_by=authority.certificate)
    daemon = start(t, url(server, "smtp+tls") + " ca own pki us",
                   before=[*trusted(authority), authority.pki("us", ["front.test"])])
    for number in range(2):
        send(daemon, number, "x@there.test")
        daemon.wait_queue_empty()
    subjects = [dict(field[0] for field in m["certificate"]["subject"]) for m in server.messages]
    t.equal([subject["commonName"] for subject in subjects], ["front.test"] * 2)
    without = start(t, url(server, "smtp+tls") + " ca own", before=trusted(authority))
    send(without, 1, "x@there.test")
    last_error(t, without)
    t.equal(len(server.messages), 2)


def chain(t, kind, scheme):
    """(front, behind): mail to the first goes to a server of that kind, and encrypted from it to the
    second."""
    authority = certificates.Authority(t)
    behind = t.daemon(users=["alice"], text=(
        authority.pki("behind", ["behind.test"])
        + 'table users { "alice@example.test" = "alice" }\n'
        'table base { "alice" = "{owner}:{mail}/alice" }\n'
        "listen on 127.0.0.1 port {port} hostname behind.test tls pki behind\n"
        'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
        ' userbase <base>\nmatch tls from any for domain "example.test" action "local"\n'))
    peer = kind(t, behind.port, authority.issue("peer", ["localhost"]))
    front = start(t, f'host "{scheme}://localhost:{peer.port}" ca own', before=trusted(authority))
    return front, behind


def through(t, kind, scheme="smtp+tls"):
    """Three messages, one after the other: how each went to the server, and from there."""
    front, behind = chain(t, kind, scheme)
    for number in range(3):
        send(front, number, "alice@example.test")
        front.wait_queue_empty()
        behind.wait_delivered(number + 1, seconds=30)
    behind.stop()
    sessions = [event for event in behind.events("session.closed") if event["messages"] != "0"]
    t.true(sessions and all(event["tls"].startswith("TLSv1.") for event in sessions), sessions)
    out = [event.get("tls") for event in front.events("attempt.finished")]
    t.note(f"there {out}, on {[(event['tls'], event['resumed']) for event in sessions]}")
    return out, [event["resumed"] for event in sessions]


def resumed_both_ways(t, kind):
    out, on = through(t, kind)
    t.equal([one.split()[2:] for one in out],
            [["verified"], ["resumed", "verified"], ["resumed", "verified"]])
    t.equal(on, ["false", "true", "true"])


@case(seconds=90)
def postfix(t):
    """Postfix between two of ours: its sessions and ours go on from the first one."""
    resumed_both_ways(t, peers.Postfix)


@case(seconds=90)
def exim(t):
    """Exim between two of ours: the same."""
    resumed_both_ways(t, peers.Exim)


@case(seconds=90)
def opensmtpd(t):
    """OpenSMTPD between two of ours. Debian's, when it is not installed but unpacked, fails in every
    handshake as a server, with other clients, too: mail goes there in the clear. As a client it does
    not resume."""
    out, on = through(t, peers.OpenSMTPD, "smtp")
    t.equal(len(out), 3)
    t.equal(set(on), {"false"})

"""Built-in filters: every phase, every decision, names of clients by a real DNS server (nsd)."""
import email
import os

from harness import maildir, nameserver, smtp
from harness.case import case
from harness.daemon import free_port
from scenarios import s32_auth

zones = {
    "0.0.127.in-addr.arpa": [
        "2 PTR good.example.test.",
        "3 PTR liar.example.test.",
        "5 PTR a.dyn.example.test.",
        "6 PTR A.DYN.example.test.",
        "7 PTR elsewhere.invalid."],
    "example.test": ["good A 127.0.0.2", "liar A 192.0.2.66", "a.dyn A 127.0.0.5", "A.DYN A 127.0.0.6"],
}

guide = """\
filter check_dyndns phase connect match rdns regex { '.*\\.dyn\\..*', '.*\\.dsl\\..*' } \\
    disconnect "550 no residential connections"
filter check_rdns phase connect match !rdns disconnect "550 no rDNS is so 80s"
filter check_fcrdns phase connect match !fcrdns disconnect "550 no FCrDNS is so 80s"
"""


def start(t, filters, chain, resolver="resolver 127.0.0.1:9", first="", **options):
    """A daemon with a listener that has these filters beside the plain one."""
    port = free_port()
    daemon = t.daemon(users=["alice"], text=(
        f'{resolver}\nengine cores 1\n{first}table users {{ "alice@example.test" = "alice" }}\n'
        'table base { "alice" = "{owner}:{mail}/alice" }\n'
        'listen on 127.0.0.1 port {port}\n'
        f'{filters}listen on 127.0.0.1 port {port} hostname mx.example.test filter {chain}\n'
        'action "local" maildir "{mail}/%{user.username}/Maildir" junk virtual <users>'
        ' userbase <base>\n'
        'match from any for domain "example.test" action "local"\n'), **options)
    daemon.filtered = port
    return daemon


def connect(daemon, **options):
    return smtp.Client("127.0.0.1", daemon.filtered, **options)


def greeting(daemon, source):
    """What a client of this address is greeted with, and whether it is cut off then."""
    with connect(daemon, source=source, banner=False) as client:
        reply = client.reply()
        try:
            client.send(b"QUIT\r\n")
            client.expect_reply(221)
        except (smtp.Closed, OSError):
            return str(reply), "closed"
        return str(reply), "open"


def decided(daemon):
    return [(one["filter"], one["phase"], one["decision"]) for one in daemon.events("filter.decided")]


def accepted(daemon, source=None, text=b"Subject: x\r\n\r\ntext\r\n"):
    with connect(daemon, source=source) as client:
        client.hello()
        client.transaction(text)
        client.quit()


def subjects(folder):
    for path in maildir.files(folder):
        with open(path, "rb") as file:
            yield email.message_from_binary_file(file)["Subject"]


@case()
def the_guides_three(t):
    """No name, a name that looks dynamic, a name that leads elsewhere: the text, then the end."""
    server = nameserver.Nsd(t, zones)
    daemon = start(t, guide, "{ check_dyndns, check_rdns, check_fcrdns }",
                   f"resolver {server.address}")
    wanted = {"127.0.0.2": ("220 mx.example.test ESMTP Ringpost", "open"),
              "127.0.0.3": ("550 no FCrDNS is so 80s", "closed"),
              "127.0.0.4": ("550 no rDNS is so 80s", "closed"),
              "127.0.0.5": ("550 no residential connections", "closed"),
              # Case means nothing in the DNS: what patterns see is lower case.
              "127.0.0.6": ("550 no residential connections", "closed"),
              # The name's zone cannot be asked: neither a pass nor a fail.
              "127.0.0.7": ("451 4.3.0 Local error; try again later", "open")}
    found = {source: greeting(daemon, source) for source in wanted}
    t.equal(found, wanted)
    heard = [("check_dyndns", "connect", "disconnect"), ("check_dyndns", "connect", "disconnect"),
             ("check_fcrdns", "connect", "disconnect"), ("check_fcrdns", "connect", "undecided"),
             ("check_rdns", "connect", "disconnect")]
    t.eventually(lambda: sorted(decided(daemon)) == heard, "all of it in the log")
    figures = daemon.statistics()
    t.equal(figures['ringpost_session_filtered_total{reason="disconnect"}'], 4)
    t.equal(figures['ringpost_session_filtered_total{reason="undecided"}'], 1)


@case()
def names_that_cannot_be_asked(t):
    """A name server that is silent puts clients off, and only where a filter asks for names."""
    silent = nameserver.Silent(t)
    resolver = f"resolver {silent.address} timeout 200ms attempts 1"
    daemon = start(t, guide, "check_rdns", resolver)
    t.equal(greeting(daemon, "127.0.0.2"), ("451 4.3.0 Local error; try again later", "open"))
    t.equal([one["reason"] for one in daemon.events("filter.decided")],
            ["the name of the client's address cannot be found"])
    daemon = start(t, 'filter far phase connect match src 192.0.2.0/24 disconnect "550 no"\n', "far",
                   resolver)
    t.equal(greeting(daemon, "127.0.0.2")[1], "open")


@case()
def a_patterns_file(t):
    """The guide's list in a file, as corrected: `table dyndns file:`; update takes a new one."""
    server = nameserver.Nsd(t, zones)
    path = t.path("dyndns")
    with open(path, "w", encoding="ascii") as file:
        file.write(".*\\.dsl\\..*\n(?i)\\.dyn\\.\n")
    os.chmod(path, 0o644)
    text = (f'table dyndns file:{path}\n'
            'filter dyn phase connect match rdns regex <dyndns> disconnect "550 no dynamic"\n')
    daemon = start(t, text, "dyn", f"resolver {server.address}")
    for source, state in (("127.0.0.2", "open"), ("127.0.0.5", "closed"), ("127.0.0.6", "closed")):
        t.equal(greeting(daemon, source)[1], state, source)
    with open(path, "w", encoding="ascii") as file:
        file.write("^good\\.\n")
    daemon.control_ok("update", "table", "dyndns")
    for source, state in (("127.0.0.2", "closed"), ("127.0.0.5", "open")):
        t.equal(greeting(daemon, source)[1], state, source)


@case()
def every_phase(t):
    """Each refuses its command with the filter's text and leaves the session as it was."""
    filters = ('filter h phase helo match helo "bad.test" reject "550 5.7.9 helo"\n'
               'filter e phase ehlo match helo "bad.test" reject "550 ehlo"\n'
               'filter m phase mail-from match mail-from "@bad.test" reject "550 sender"\n'
               'filter r phase rcpt-to match rcpt-to "bad@example.test" reject "450 recipient"\n'
               'filter d phase data match mail-from "data@x.test" reject "554 data"\n'
               'filter c phase commit match mail-from "commit@x.test" reject "554 5.6.0 content"\n'
               'filter l phase rcpt-to match rcpt-to "last@example.test" reject "421 go"\n'
               'filter z phase mail-from match mail-from "z@x.test" disconnect "550 away"\n')
    daemon = start(t, filters, "{ h, e, m, r, d, c, l, z }")
    with connect(daemon) as client:
        t.equal(str(client.expect("HELO bad.test", 550)), "550 5.7.9 helo")
        t.equal(str(client.expect("EHLO bad.test", 550)), "550 ehlo")
        client.expect("MAIL FROM:<a@x.test>", 503)  # no EHLO was accepted
        client.expect("EHLO good.test", 250)
        t.equal(str(client.expect("MAIL FROM:<a@bad.test>", 550)), "550 5.7.1 sender")
        client.expect("RCPT TO:<alice@example.test>", 503)
        client.expect("MAIL FROM:<data@x.test>", 250)
        t.equal(str(client.expect("RCPT TO:<bad@example.test>", 450)), "450 4.7.1 recipient")
        client.expect("DATA", 554)
        client.expect("RCPT TO:<alice@example.test>", 250)
        t.equal(str(client.expect("DATA", 554)), "554 5.7.1 data")
        client.expect("RSET", 250)
        client.expect("MAIL FROM:<commit@x.test>", 250)
        client.expect("RCPT TO:<alice@example.test>", 250)
        client.expect("DATA", 354)
        t.equal(str(client.expect("Subject: x\r\n\r\nx\r\n.", 554)), "554 5.6.0 content")
        client.expect("MAIL FROM:<a@x.test>", 250)
        t.equal(str(client.expect("RCPT TO:<last@example.test>", 421)), "421 4.7.1 go")
        t.true(client.at_end(), "the end")
    with connect(daemon) as client:
        client.hello()
        t.equal(str(client.expect("MAIL FROM:<z@x.test>", 550)), "550 5.7.1 away")
        t.true(client.at_end(), "the end")
    accepted(daemon)
    daemon.wait_delivered(1)
    t.equal(len(daemon.events("message.refused")), 1)
    t.equal([name for name, _, _ in decided(daemon)], ["h", "e", "m", "r", "d", "c", "l", "z"])


@case()
def auth(t):
    """The phase auth comes before the credentials are looked at."""
    world = s32_auth.World(t, auth="auth <creds> filter a", more=(
        'filter a phase auth match src 127.0.0.3 reject "535 not here"\n'))
    for source, text in (("127.0.0.2", "235 2.7.0 Authentication succeeded"),
                         ("127.0.0.3", "535 5.7.1 not here")):
        t.equal(str(s32_auth.from_address(world, source, "sha512", s32_auth.password)), text)
    world.expect_no_secrets()


@case()
def junk_and_bypass(t):
    """`junk` marks the session or the message; `bypass` and `junk` end their phase's chain."""
    filters = ('filter friend phase connect match src 127.0.0.2 bypass\n'
               'filter net phase connect match src 127.0.0.0/8 junk\n'
               'filter never phase connect match src 127.0.0.9 disconnect "550 no"\n'
               'filter sender phase mail-from match mail-from "@junk.test" junk\n'
               'filter told phase mail-from match mail-from "@junk.test" report "seen"\n')
    daemon = start(t, filters, "{ friend, net, never, told, sender }")
    accepted(daemon, "127.0.0.2", b"Subject: clean\r\n\r\n")
    accepted(daemon, "127.0.0.9", b"Subject: session\r\n\r\n")
    with connect(daemon, source="127.0.0.2") as client:
        client.hello()
        for sender, subject in (("a@junk.test", "message"), ("a@x.test", "next")):
            client.transaction(f"Subject: {subject}\r\n\r\n".encode(), sender=sender)
        client.quit()
    daemon.wait_queue_empty()
    home = daemon.maildir_of("alice")
    found = {name: sorted(subjects(folder)) for name, folder in
             (("inbox", home), ("junk", os.path.join(home, ".Junk")))}
    t.equal(found, {"inbox": ["clean", "next"], "junk": ["message", "session"]})
    for path in maildir.files(os.path.join(home, ".Junk")):
        with open(path, "rb") as file:
            head = file.read().split(b"\n\n")[0].split(b"\n")
        spam = head.index(b"X-Spam: Yes")
        t.true(head[spam + 1].startswith(b"Received: "), "above our trace field")
    reports = [one for one in daemon.events("filter.decided") if one["decision"] == "report"]
    t.equal([one["text"] for one in reports], ["seen"])


@case()
def rewrite(t):
    """Of the greeting's name, the sender and the recipient; what is no address changes nothing."""
    filters = ('filter h phase ehlo match helo "old.test" rewrite "new.test"\n'
               'filter m phase mail-from match mail-from "old@x.test" rewrite "<new@x.test>"\n'
               'filter r phase rcpt-to match rcpt-to "old@example.test" rewrite "alice@example.test"\n'
               'filter n phase rcpt-to match rcpt-to "odd@example.test" rewrite "no address"\n')
    daemon = start(t, filters, "{ h, m, r, n }")
    with connect(daemon) as client:
        client.expect("EHLO old.test", 250)
        client.expect("MAIL FROM:<old@x.test>", 250)
        client.expect("RCPT TO:<odd@example.test>", 550)
        client.expect("RCPT TO:<old@example.test>", 250)
        client.expect("DATA", 354)
        client.expect("Subject: x\r\n\r\nx\r\n.", 250)
        client.quit()
    daemon.wait_delivered(1)
    (path,) = maildir.files(daemon.maildir_of("alice"))
    with open(path, "rb") as file:
        text = file.read()
    t.true(b"Return-Path: <new@x.test>" in text and b"from new.test " in text, text)
    t.equal(daemon.events("message.accepted")[0]["helo"], "new.test")


@case()
def tables_that_are_asked(t):
    """A program that cannot answer for a filter's table puts the client off."""
    daemon = start(t, 'table far "proc:/bin/false"\n'
                   'filter m phase mail-from match mail-from <far> reject "550 no"\n', "m")
    with connect(daemon) as client:
        client.hello()
        client.expect("MAIL FROM:<a@x.test>", 451)
        client.expect("NOOP", 250)
        client.quit()
    t.equal(decided(daemon), [("m", "mail-from", "undecided")])


@case()
def a_text_that_is_no_refusal(t):
    """As upstream: taken with a warning, and 421 for the client."""
    daemon = start(t, 'filter m phase mail-from match mail-from "a@x.test" reject "250 fine"\n', "m")
    with open(daemon.log_path, encoding="utf-8") as file:
        t.true("is no reply that refuses" in file.read(), "a warning")
    with connect(daemon) as client:
        client.hello()
        t.equal(str(client.expect("MAIL FROM:<a@x.test>", 421)), "421 4.3.0 Internal server error")
        t.true(client.at_end(), "the end")


@case()
def mistakes(t):
    """What a filter cannot do is an error with its line, before anything starts."""
    for line, message in (
            ('filter f phase connect match rdns regex { "a(" } junk', "f phase"),
            ('filter f phase quit match !rdns junk', "expected a phase"),
            ('filter f phase connect match helo "x" junk', "a condition that phase connect knows")):
        path = t.path("smtpd.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'{line}\nlisten on 127.0.0.1 port {free_port()} filter f\n')
        done = t.run_daemon("-n", "-f", path)
        t.equal(done.returncode, 1, line)
        t.true("smtpd.conf:1" in done.stderr, done.stderr)
        t.true(message in done.stderr or "regex" in line, done.stderr)

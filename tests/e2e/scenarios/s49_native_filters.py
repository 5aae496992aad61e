"""Filters that need no program: senderscore, lists in the DNS, greet-delay, rates."""
import time

from harness import nameserver
from harness.case import case
from scenarios import s32_auth, s34_proxy, s40_filters

zones = {
    "score.test": [
        "2.0.0.127 A 127.0.4.5", "3.0.0.127 A 127.0.4.69", "4.0.0.127 A 127.0.4.70",
        "5.0.0.127 A 127.0.4.10", "6.0.0.127 A 127.255.255.254", "7.0.0.127 A 192.0.2.99",
        "8.0.0.127 A 127.0.4.100", "9.0.0.127 A 127.0.4.101",
        "10.0.0.127 A 127.0.4.50", "10.0.0.127 A 127.0.4.60"],
    "bad.test": [
        "2.0.0.127 A 127.0.0.2", '2.0.0.127 TXT "see http://bad.test/?2"',
        "3.0.0.127 A 127.0.0.4", "4.0.0.127 A 127.0.0.2",
        "6.0.0.127 A 127.255.255.254", "7.0.0.127 A 192.0.2.99",
        "7.0.0.0." + "0." * 20 + "8.b.d.0.1.0.0.2 A 127.0.0.2",
        "11.0.0.127 A 127.0.0.2", '11.0.0.127 TXT "one\\013\\010250 two"'],
    "worse.test": ["2.0.0.127 A 127.0.1.6", "3.0.0.127 A 127.0.1.1"],
    "good.test": ["4.0.0.127 A 127.0.9.1"],
}
too_low = "550 your IP reputation is too low for this MX"
ready = "220 mx.example.test ESMTP Ringpost"


def start(t, line, zone_resolver=None, chain="f", **options):
    resolver = zone_resolver or nameserver.Nsd(t, zones).address
    return s40_filters.start(t, f"filter f builtin {line}\n", chain,
                             f"resolver {resolver} timeout 300ms attempts 1", **options)


def greetings(daemon, *last_octets):
    return {one: s40_filters.greeting(daemon, f"127.0.0.{one}") for one in last_octets}


def fields(daemon):
    """The head of the last message that was delivered."""
    with open(sorted(daemon.delivered())[-1], "rb") as file:
        return file.read().split(b"\n\n", 1)[0].decode().splitlines()


@case()
def scores(t):
    """Blocked below 10, junk below 70; what is no score, and an address without one, passes."""
    daemon = start(t, 'senderscore "filter-senderscore -blockBelow 10 -junkBelow 70" zone score.test')
    open_ = (ready, "open")
    t.equal(greetings(daemon, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
            {2: (too_low, "closed"), 3: open_, 4: open_, 5: open_, 6: open_, 7: open_, 8: open_,
             9: open_, 10: open_, 11: open_})
    t.eventually(lambda: [(one["decision"], one["text"]) for one in daemon.events("filter.decided")]
                 == [("disconnect", too_low), ("junk", "score 69"), ("junk", "score 10")],
                 "the log has what was decided")
    t.eventually(lambda: [(one["zone"], one["answer"])
                          for one in daemon.events("filter.list-refused")]
                 == [("score.test", "127.255.255.254")], "and the refusal of the list")
    figures = daemon.statistics()

    def said(word):
        name = f'ringpost_filter_list_answers_total{{filter="f",zone="score.test",answer="{word}"}}'
        return figures[name]
    t.equal([said(word) for word in ("listed", "not-listed", "refused", "strange", "failed")],
            [5, 1, 1, 3, 0])
    t.equal(figures['ringpost_filter_native_answers_total{filter="f",kind="junk"}'], 2)


@case()
def junk_and_header(t):
    """The score of a client stands in its mail, above the field of junk."""
    daemon = start(t, 'senderscore "-junkBelow 70 -scoreHeader" zone score.test')
    s40_filters.accepted(daemon, "127.0.0.3")
    s40_filters.accepted(daemon, "127.0.0.4")
    s40_filters.accepted(daemon, "127.0.0.11")
    home = daemon.maildir_of("alice")
    junk = list(s40_filters.subjects(home + "/.Junk"))
    t.eventually(lambda: len(list(s40_filters.subjects(home + "/.Junk"))) == 1, f"one: {junk}")
    daemon.wait_queue_empty()
    heads = sorted(line for folder in (home, home + "/.Junk")
                   for path in s40_filters.maildir.files(folder)
                   for line in open(path, encoding="ascii") if line.startswith("X-S"))
    t.equal(heads, ["X-SenderScore: 69\n", "X-SenderScore: 70\n", "X-Spam: Yes\n"])


@case()
def slow_down(t):
    """Each reply waits by the score; others do not, and a client that has gone is not waited for."""
    daemon = start(t, 'senderscore "-slowFactor 1000" zone score.test')
    begin = time.monotonic()
    with s40_filters.connect(daemon, source="127.0.0.3") as client:
        greeted = time.monotonic() - begin
        with s40_filters.connect(daemon, source="127.0.0.8") as other:
            other.hello()
            other.quit()
        quick = time.monotonic() - begin - greeted
        client.hello()
        client.expect("NOOP", 250)
        taken = time.monotonic() - begin
        client.expect("MAIL FROM:<a@x.test>", 250)
    t.true(0.3 <= greeted < 0.6, f"greeted after {greeted}")
    t.true(quick < 0.25, f"another after {quick}")
    t.true(0.6 <= taken - quick < 1.0, f"EHLO after {taken}")
    gone = s40_filters.connect(daemon, source="127.0.0.2", banner=False)
    time.sleep(0.1)
    gone.socket.close()
    daemon.wait_no_session(0.7)


@case()
def a_stop_waits_for_no_delay(t):
    """The end of the daemon does not wait for those that are slowed down."""
    daemon = start(t, 'senderscore "-slowFactor 60000" zone score.test')
    client = s40_filters.connect(daemon, source="127.0.0.2", banner=False)
    t.eventually(lambda: daemon.open_sessions() == 1, "a session")
    begin = time.monotonic()
    daemon.stop()
    t.true(time.monotonic() - begin < 5, "it ends at once")
    client.socket.close()


@case()
def a_later_phase(t):
    """-blockPhase: the session goes on until then."""
    daemon = start(t, 'senderscore "-blockBelow 10 -blockPhase mail-from" zone score.test')
    with s40_filters.connect(daemon, source="127.0.0.2") as client:
        client.hello()
        t.equal(str(client.expect("MAIL FROM:<a@x.test>", 550)),
                "550 5.7.1 your IP reputation is too low for this MX")
        t.true(client.at_end(), "and ends there")


@case()
def an_allow_list(t):
    """Addresses of the file have the best score, and nobody asks about them."""
    path = t.path("friends")
    with open(path, "w", encoding="ascii") as file:
        file.write("# friends\n127.0.0.2/32\n2001:db8::/32\n")
    silent = nameserver.Silent(t)
    daemon = start(t, f'senderscore "-blockBelow 10 -allowlist {path}" zone score.test',
                   silent.address)
    before = silent.questions()
    t.equal(greetings(daemon, 2), {2: (ready, "open")})
    t.equal(silent.questions() - before, 1)  # the client's name


@case()
def the_dns_does_not_answer(t):
    """A score that cannot be had costs its timeout, and lets the client through."""
    daemon = start(t, 'senderscore "-blockBelow 100" zone score.test timeout 200ms',
                   nameserver.Silent(t).address)
    begin = time.monotonic()
    t.equal(greetings(daemon, 2), {2: (ready, "open")})
    t.true(time.monotonic() - begin < 1.5, "it does not wait longer")


@case()
def lists(t):
    """Weights of lists add up; a list of friends takes some away; each step has its decision."""
    daemon = start(t, 'dnsbl zone bad.test zone worse.test weight 2 codes { "&0.0.0.4" } '
                   'zone good.test weight -1 at 1 junk at 3 reject')
    refused = ("554 5.7.1 127.0.0.2 is listed by worse.test", "open")
    open_ = (ready, "open")
    t.equal(greetings(daemon, 2, 3, 4, 5, 6, 7),
            {2: refused, 3: open_, 4: open_, 5: open_, 6: open_, 7: open_})
    t.eventually(lambda: [(one["decision"], one["text"]) for one in daemon.events("filter.decided")]
                 == [("reject", refused[0]), ("junk", "1: bad.test")], "the log has the lists")
    t.eventually(lambda: [(one["zone"], one["answer"])
                          for one in daemon.events("filter.list-refused")]
                 == [("bad.test", "127.255.255.254")], "and the refusal of a list")
    figures = daemon.statistics()
    t.equal([figures[f'ringpost_filter_list_answers_total{{filter="f",zone="bad.test",'
                     f'answer="{word}"}}'] for word in ("listed", "refused", "strange")], [3, 1, 1])


@case()
def reasons_of_lists(t):
    """The reply has the list's own words, made harmless; or those of the configuration."""
    daemon = start(t, "dnsbl zone bad.test")
    t.equal(greetings(daemon, 2, 3, 11),
            {2: ("554 5.7.1 127.0.0.2 is listed by bad.test: see http://bad.test/?2", "open"),
             3: ("554 5.7.1 127.0.0.3 is listed by bad.test", "open"),
             11: ("554 5.7.1 127.0.0.11 is listed by bad.test: one??250 two", "open")})
    daemon = start(t, 'dnsbl zone bad.test at 1 disconnect "550 5.7.1 away"')
    t.equal(greetings(daemon, 2), {2: ("550 5.7.1 away", "closed")})
    daemon = start(t, "dnsbl zone bad.test allow 127.0.0.2 at 1 report")
    t.equal(greetings(daemon, 2, 3), {2: (ready, "open"), 3: (ready, "open")})
    t.eventually(lambda: [(one["decision"], one["text"]) for one in daemon.events("filter.decided")]
                 == [("report", "1: bad.test")], "the log has what is reported")


@case()
def lists_at_a_later_phase(t):
    """At rcpt-to the lists are asked once, and every recipient is refused."""
    daemon = start(t, "dnsbl zone bad.test phase rcpt-to")
    with s40_filters.connect(daemon, source="127.0.0.2") as client:
        client.hello()
        client.expect("MAIL FROM:<a@x.test>", 250)
        for _ in range(2):
            client.expect("RCPT TO:<alice@example.test>", 554, "5.7.1")
    t.equal(daemon.statistics()['ringpost_filter_list_answers_total{filter="f",zone="bad.test",'
                                'answer="listed"}'], 1)


@case()
def lists_that_do_not_answer(t):
    """They count nothing; with `on-error defer` they put off whoever is not refused anyway."""
    silent = nameserver.Silent(t).address
    daemon = start(t, "dnsbl zone bad.test timeout 200ms", silent)
    t.equal(greetings(daemon, 2), {2: (ready, "open")})
    daemon = start(t, "dnsbl zone bad.test timeout 200ms on-error defer", silent)
    t.equal(greetings(daemon, 2), {2: ("451 4.3.0 Local error; try again later", "open")})
    daemon = start(t, "dnsbl zone bad.test zone elsewhere.invalid on-error defer")
    t.equal(greetings(daemon, 3)[3][0], "554 5.7.1 127.0.0.3 is listed by bad.test")


@case()
def lists_of_ipv6(t):
    """IPv6 is asked about by nibbles; the address is the one that the proxy says."""
    server = nameserver.Nsd(t, zones)
    daemon = s34_proxy.Proxied(t, "proxy-v2 filter f",
                               f"resolver {server.address}\n"
                               "filter f builtin dnsbl zone bad.test\n")
    for address, code in (("2001:db8::7", 554), ("2001:db8::8", 220)):
        with daemon.client() as client:
            client.send(s34_proxy.binary(address))
            client.expect_reply(code)


early = ("554 5.5.1 Client spoke before it was greeted", "open")


def timed(daemon, source, octets=b"", **options):
    """The greeting of a client that first says this, and how long it took."""
    begin = time.monotonic()
    with s40_filters.connect(daemon, source=source, banner=False, **options) as client:
        if octets:
            client.send(octets)
        return str(client.reply()), time.monotonic() - begin


@case()
def the_greeting_waits(t):
    """Once for each address; not for those that are allowed, nor for who spoke already."""
    daemon = start(t, "greet-delay 600ms allow 127.0.0.9")
    text, taken = timed(daemon, "127.0.0.2")
    t.equal(text, ready)
    t.true(0.55 < taken < 1.2, f"greeted after {taken}")
    t.true(timed(daemon, "127.0.0.2")[1] < 0.3, "not again")
    t.true(timed(daemon, "127.0.0.9")[1] < 0.3, "not who is allowed")
    text, taken = timed(daemon, "127.0.0.3", b"EHLO x.test\r\n")
    t.equal(text, early[0])
    t.true(taken < 0.4, f"at once, not after {taken}")
    text, taken = timed(daemon, "127.0.0.3")
    t.true(text == ready and taken > 0.55, f"who spoke early has not waited: {taken}")
    t.eventually(lambda: s40_filters.decided(daemon) == [("f", "connect", "reject")], "the log")
    daemon.control_ok("reload")
    t.true(timed(daemon, "127.0.0.2")[1] < 0.3, "a reload forgets nobody")


@case()
def decisions_about_early_talkers(t):
    """Disconnect with a text of its own; junk: the mail is taken and marked."""
    daemon = start(t, 'greet-delay 600ms disconnect "554 5.7.1 not you"')
    with s40_filters.connect(daemon, source="127.0.0.2", banner=False) as client:
        client.send(b"EHLO x.test\r\n")
        t.equal(str(client.reply()), "554 5.7.1 not you")
        t.true(client.at_end(), "closed")
    daemon = start(t, "greet-delay 600ms junk")
    with s40_filters.connect(daemon, source="127.0.0.2", banner=False) as client:
        client.send(b"EHLO x.test\r\n")
        client.expect_reply(220)
        client.expect_reply(250)
        client.transaction(b"Subject: early\r\n\r\n")
    junk = daemon.maildir_of("alice") + "/.Junk"
    t.eventually(lambda: list(s40_filters.subjects(junk)) == ["early"], "it is junk")


@case()
def a_thousand_wait(t):
    """A thousand clients that wait hold up nobody, and are all greeted."""
    daemon = start(t, "greet-delay 2s allow 127.0.0.9")
    clients = [s40_filters.connect(daemon, source=f"127.0.{i // 200 + 1}.{i % 200 + 1}",
                                   banner=False) for i in range(1000)]
    t.true(timed(daemon, "127.0.0.9")[1] < 0.5, "another is greeted meanwhile")
    for client in clients:
        client.expect_reply(220)
        client.socket.close()


@case()
def rates_of_an_address(t):
    """Connections, messages, recipients: each with its reply, and others are not concerned."""
    daemon = start(t, "rate per-address connections 4 in 1h messages 2 in 1h recipients 3 in 1h")
    with s40_filters.connect(daemon, source="127.0.0.2") as client:
        client.hello()
        for _ in range(2):
            client.transaction(b"Subject: x\r\n\r\n")
        t.equal(str(client.expect("MAIL FROM:<a@x.test>", 450)),
                "450 4.7.1 Too many messages; try again later")
    with s40_filters.connect(daemon, source="127.0.0.3") as client:
        client.hello()
        client.expect("MAIL FROM:<a@x.test>", 250)
        for _ in range(3):
            client.expect("RCPT TO:<alice@example.test>", 250)
        t.equal(str(client.expect("RCPT TO:<alice@example.test>", 450)),
                "450 4.7.1 Too many recipients; try again later")
    for _ in range(3):
        t.equal(greetings(daemon, 2)[2], (ready, "open"))
    full = ("421 4.7.0 Too many connections; try again later", "closed")
    t.equal(greetings(daemon, 2, 4), {2: full, 4: (ready, "open")})
    daemon.control_ok("reload")
    t.equal(greetings(daemon, 2), {2: full})


@case()
def rates_of_a_network(t):
    """Addresses of a network share; a decision and a text of its own; who is allowed has no share."""
    daemon = start(t, 'rate per-network connections 2 in 1h inet4-bits 31 reject "450 4.7.0 later"'
                   " allow 127.0.0.7")
    later = ("450 4.7.0 later", "open")
    open_ = (ready, "open")
    t.equal(greetings(daemon, 2, 3), {2: open_, 3: open_})
    t.equal(greetings(daemon, 2, 3, 4), {2: later, 3: later, 4: open_})
    for _ in range(3):
        t.equal(greetings(daemon, 7), {7: open_})


@case()
def failures(t):
    """Recipients that are refused count; then the next command ends the session."""
    daemon = start(t, "rate per-address failures 2 in 1h")
    with s40_filters.connect(daemon, source="127.0.0.2") as client:
        client.hello()
        client.expect("MAIL FROM:<a@x.test>", 250)
        for _ in range(2):
            client.expect("RCPT TO:<nobody@elsewhere.test>", 550)
        t.equal(str(client.expect("RCPT TO:<alice@example.test>", 421)),
                "421 4.7.0 Too many failures; try again later")
        t.true(client.at_end(), "closed")
    t.equal(greetings(daemon, 2, 3), {2: ("421 4.7.0 Too many failures; try again later", "closed"),
                                      3: (ready, "open")})


@case()
def rates_of_an_account(t):
    """An account has its shares wherever it comes from; others have their own."""
    world = s32_auth.World(t, auth="auth <creds> filter a", more=(
        "filter a builtin rate per-account connections 3 in 1h messages 2 in 1h\n"))

    def session(user, mails):
        client = world.client()
        t.equal(world.plain(user, s32_auth.password, client).code, 235)
        codes = []
        for _ in range(mails):
            codes.append(client.command("MAIL FROM:<a@x.test>").code)
            if codes[-1] != 250:
                break
            client.expect("RCPT TO:<alice@example.test>", 250)
            client.expect("DATA", 354)
            client.send(b"Subject: x\r\n\r\n.\r\n")
            client.expect_reply(250)
        client.close()
        return codes
    t.equal(session("sha512", 1), [250])
    t.equal(session("sha512", 2), [250, 450])
    t.equal(session("bcrypt", 1), [250])
    t.equal(session("sha512", 1), [450])
    t.equal(session("sha512", 1), [421])


@case()
def a_refused_session_stays_refused(t):
    """Whose connections are used up gets nowhere by asking twice."""
    world = s32_auth.World(t, auth="auth <creds> filter a", more=(
        'filter a builtin rate per-account connections 1 in 1h reject "450 4.7.0 later"\n'))
    for codes in ((250,), (450, 450, 450)):
        client = world.client()
        t.equal(world.plain("sha512", s32_auth.password, client).code, 235)
        for code in codes:
            t.equal(client.command("MAIL FROM:<a@x.test>").code, code)
        client.close()


@case()
def wrong_passwords_are_failures(t):
    """They close the door for the address; and with smtps nobody waits for a greeting."""
    world = s32_auth.World(t, auth="auth <creds> filter { g, a }", more=(
        "filter g builtin greet-delay 3s\n"
        'filter a builtin rate per-address failures 1 in 1h disconnect "421 4.7.0 enough"\n'))
    begin = time.monotonic()
    client = world.client()
    t.true(time.monotonic() - begin < 2, "no delay under TLS from the first octet on")
    t.equal(world.plain("sha512", s32_auth.wrong, client).code, 535)
    t.equal(str(world.plain("sha512", s32_auth.password, client)), "421 4.7.0 enough")
    client.close()

"""DNS: clients' names by a real server (nsd): rules, trace fields and log; truncation, failover,
timeouts, the cache, and where the servers come from."""
import email
import re
import time

from harness import mail, maildir, nameserver
from harness.case import case

reverse_zone = "0.0.127.in-addr.arpa"
many_names = 120  # in 1,232 octets there is no room for so many

zones = {
    reverse_zone: [
        "1 PTR mx.example.test.",
        "2 PTR good.example.test.",
        "3 PTR liar.example.test.",
        "5 PTR a.dyn.example.test.",
        "6 PTR alias.example.test.",
        "7 PTR elsewhere.invalid.",
        *[f"9 PTR host-number-{number}.many.example.test." for number in range(many_names)]],
    "example.test": [
        "mx A 127.0.0.1", "good A 127.0.0.2", "liar A 192.0.2.66", "a.dyn A 127.0.0.5",
        "real A 127.0.0.6", "alias CNAME real",
        *[f"host-number-{number}.many A 127.0.0.9" for number in range(many_names)]],
}

deliver = ('action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
           ' userbase <base>')
rules = (f'{deliver}\nmatch from rdns regex "\\.dyn\\." for any reject\n'
         'match from rdns { "*.example.test" } for domain "example.test" action "local"\n'
         'match from socket for domain "example.test" action "local"\n')


def configuration(resolver, match=rules):
    return (f'{resolver}\nengine cores 1\ntable users {{ "alice@example.test" = "alice" }}\n'
            'table base { "alice" = "{owner}:{mail}/alice" }\n'
            f'listen on 127.0.0.1 port {{port}} hostname mx.example.test\n{match}')


def start(t, resolver, match=rules, **options):
    return t.daemon(users=["alice"], text=configuration(resolver, match), **options)


def ask(daemon, source, code, status=None):
    """RCPT from this address; the whole time it took."""
    began = time.monotonic()
    mail.ask(daemon, "alice@example.test", code, status, source)
    return time.monotonic() - began


def closed(t, daemon, source):
    """The fields of the last session.closed of this address."""
    def find():
        return [one for one in daemon.events("session.closed") if one["client"] == source]
    return t.eventually(find, f"a session of {source} in the log")[-1]


@case()
def names_of_clients(t):
    """`match from rdns`: tables, patterns, no name; Received has confirmed names, the log all."""
    server = nameserver.Nsd(t, zones)
    daemon = start(t, f"resolver {server.address}")
    for source, code, name, confirmed in (
            ("127.0.0.2", 250, "good.example.test", "yes"),
            ("127.0.0.3", 250, "liar.example.test", "no"),
            ("127.0.0.4", 550, "", ""),
            ("127.0.0.5", 550, "a.dyn.example.test", "yes"),
            ("127.0.0.6", 250, "alias.example.test", "yes"),
            ("127.0.0.7", 550, "elsewhere.invalid", "error")):
        ask(daemon, source, code)
        fields = closed(t, daemon, source)
        t.equal((fields["rdns"], fields["fcrdns"]), (name, confirmed), source)
    for source in ("127.0.0.2", "127.0.0.3"):
        with daemon.client(source=source) as client:
            client.hello()
            client.transaction(f"Subject: {source}\r\n\r\ntext\r\n".encode())
            client.quit()
    found = {}
    daemon.wait_delivered(2)
    for path in maildir.files(daemon.maildir_of("alice")):
        with open(path, "rb") as file:
            parsed = email.message_from_binary_file(file)
        found[parsed["Subject"]] = re.search(r"\((\S+ \[[^]]*\])\)", parsed["Received"]).group(1)
    t.equal(found, {"127.0.0.2": "good.example.test [127.0.0.2]",
                    "127.0.0.3": "unknown [127.0.0.3]"})


@case()
def truncation(t):
    """More names than a datagram holds come by TCP."""
    server = nameserver.Nsd(t, zones)
    daemon = start(t, f"resolver {server.address}")
    ask(daemon, "127.0.0.9", 250)
    t.true(re.fullmatch(r"host-number-\d+\.many\.example\.test",
                        closed(t, daemon, "127.0.0.9")["rdns"]), "a name")
    figures = daemon.statistics()
    t.equal(figures["ringpost_resolver_streams_total"], 1)
    t.equal(figures["ringpost_resolver_failures_total"], 0)


@case()
def failover(t):
    """Servers that are silent, closed or refuse: the next one is asked, and the bad ones rest."""
    server = nameserver.Nsd(t, zones)
    silent = nameserver.Silent(t)
    closed_port = f"127.0.0.1:{nameserver.free_port()}"
    refusing = nameserver.Nsd(t, {"other.test": []})
    for first in (closed_port, refusing.address, silent.address):
        daemon = start(t, f"resolver {first} {server.address} timeout 300ms")
        took = ask(daemon, "127.0.0.2", 250)
        t.true(took < 3, f"{first}: took {took:.2f} s")
        daemon.stop()
    t.true(silent.questions() > 0, "the silent server was asked")
    daemon = start(t, f"resolver {silent.address} {server.address} timeout 300ms")
    ask(daemon, "127.0.0.2", 250)
    ask(daemon, "127.0.0.3", 250)
    before = silent.questions()
    took = ask(daemon, "127.0.0.6", 250)
    t.true(took < 0.3 or t.sanitized(), f"took {took:.2f} s with a server that rests")
    t.equal(silent.questions(), before, "questions to a server that rests")


@case()
def nobody_answers(t):
    """Then mail is put off where a rule needs the name, and nothing waits where none does."""
    silent = nameserver.Silent(t)
    daemon = start(t, f"resolver {silent.address} timeout 200ms attempts 2")
    took = ask(daemon, "127.0.0.2", 451, "4.3.0")
    t.true(0.4 <= took < 5, f"took {took:.2f} s")
    t.equal(closed(t, daemon, "127.0.0.2")["fcrdns"], "error")
    t.true(any("name" in one["reason"] for one in daemon.events("lookup.failed")), "in the log")
    took = ask(daemon, "127.0.0.2", 451)
    t.true(took < 0.4, f"a failure is remembered: took {took:.2f} s")
    plain = f'{deliver}\nmatch from any for domain "example.test" action "local"\n'
    daemon = start(t, f"resolver {silent.address} timeout 2s", plain)
    took = ask(daemon, "127.0.0.2", 250)
    t.true(took < 1.5, f"waited for a name that no rule needs: took {took:.2f} s")
    daemon.stop()  # while questions are under way


@case()
def a_server_that_returns(t):
    """A resolver that ends and comes back; what is known is answered meanwhile."""
    server = nameserver.Nsd(t, zones)
    daemon = start(t, f"resolver {server.address} timeout 300ms")
    ask(daemon, "127.0.0.2", 250)
    server.stop()
    ask(daemon, "127.0.0.2", 250)
    ask(daemon, "127.0.0.6", 451)
    server.start()
    t.eventually(lambda: rcpt_code(daemon, "127.0.0.6") == 250, "the server is asked again")


@case()
def ends_while_clients_wait(t):
    """Clients whose names are still looked for hold up no end, and clients that go no other."""
    silent = nameserver.Silent(t)
    daemon = start(t, f"resolver {silent.address} timeout 2s")
    gone = daemon.client(source="127.0.0.8", banner=False)
    gone.reset()
    waiting = daemon.client(source="127.0.0.9", banner=False)
    t.equal(waiting.silent(0.3), True, "greeted before the name is known")
    t.eventually(lambda: silent.questions() >= 2, "questions under way")
    began = time.monotonic()
    daemon.stop()
    took = time.monotonic() - began
    t.true(took < 3, f"the end took {took:.1f} s")
    waiting.expect_reply(421)
    waiting.close()


def rcpt_code(daemon, source):
    with daemon.client(source=source) as client:
        client.hello()
        client.expect("MAIL FROM:<a@x.test>", 250)
        client.send(b"RCPT TO:<alice@example.test>\r\n")
        code = client.reply().code
        client.quit()
    return code


@case()
def one_question_for_many(t):
    """Many connections of one address cost one question and its confirmation."""
    server = nameserver.Nsd(t, zones)
    daemon = start(t, f"resolver {server.address}")
    before = daemon.statistics()
    for _ in range(50):
        ask(daemon, "127.0.0.2", 250)
    after = daemon.statistics()
    counted = {name: after[name] - before[name] for name in
               ("ringpost_resolver_misses_total", "ringpost_resolver_hits_total",
                "ringpost_resolver_datagrams_total")}
    t.equal(counted, {"ringpost_resolver_misses_total": 2, "ringpost_resolver_hits_total": 98,
                      "ringpost_resolver_datagrams_total": 2})
    t.true(after["ringpost_limit_used{limit=\"resolver_cache_octets\"}"] > 0, "a cache")


@case()
def where_servers_come_from(t):
    """-R goes before the configuration; a reload takes another `resolver` into use."""
    server = nameserver.Nsd(t, zones)
    silent = nameserver.Silent(t)
    daemon = start(t, f"resolver {silent.address} timeout 200ms",
                   arguments=["-R", server.address])
    ask(daemon, "127.0.0.2", 250)
    t.equal(silent.questions(), 0)
    daemon.stop()
    daemon = start(t, f"resolver {silent.address} timeout 200ms attempts 1")
    ask(daemon, "127.0.0.2", 451)
    daemon.text = configuration(f"resolver {server.address}")
    daemon.write_configuration()
    daemon.control_ok("reload")
    ask(daemon, "127.0.0.2", 250)

"""`listen on ... dmarc`: SPF, DKIM, DMARC and ARC of mail from strangers, with a real name server
and with what Debian's python3-dkim signs."""
import os
import re

from harness import dkim_mail, filter_program, maildir, nameserver, smtp
from harness.case import case
from harness.daemon import free_port

here = "127.0.0.2"  # from where the domains below send
spf = f'@ TXT "v=spf1 ip4:{here} -all"'


def zones(record=b""):
    """`record`: the key of client.test."""
    text = record.decode()
    strings = " ".join(f'"{text[at:at + 200]}"' for at in range(0, len(text), 200)) or '"none"'
    return {
        "client.test": [spf, '_dmarc TXT "v=DMARC1; p=reject"', f"test._domainkey TXT {strings}"],
        "strict.test": [spf, '_dmarc TXT "v=DMARC1; p=reject"'],
        "soft.test": [spf, '_dmarc TXT "v=DMARC1; p=quarantine"'],
        "lax.test": [spf, '_dmarc TXT "v=DMARC1; p=none"'],
    }


def start(t, resolver, option="dmarc reject", tables="", **more):
    port = free_port()
    daemon = t.daemon(users=["alice"], text=(
        f'resolver {resolver} timeout 300ms attempts 1\n{tables}'
        'table users { "alice@example.test" = "alice" }\n'
        'table base { "alice" = "{owner}:{mail}/alice" }\n'
        'listen on 127.0.0.1 port {port} hostname plain.example.test\n'
        f'listen on 127.0.0.1 port {port} hostname mx.example.test {option}\n'
        'action "local" maildir "{mail}/%{user.username}/Maildir" junk virtual <users>'
        ' userbase <base>\n'
        'match from any for domain "example.test" action "local"\n'), **more)
    daemon.checked = port
    return daemon


def send(daemon, content, sender="a@client.test", source="127.0.0.3", hello="host.client.test"):
    """The reply to the content."""
    with smtp.Client("127.0.0.1", daemon.checked, source=source, timeout=60) as client:
        client.expect(f"EHLO {hello}", 250)
        client.envelope(sender=sender, recipients=("alice@example.test",))
        client.expect("DATA", 354)
        client.send(smtp.stuffed(content))
        reply = client.reply()
        client.quit()
        return reply


def delivered(t, daemon, folder=""):
    """The only message there, as it lies in the file."""
    daemon.wait_queue_empty()
    place = os.path.join(daemon.maildir_of("alice"), folder) if folder else \
        daemon.maildir_of("alice")
    (path,) = maildir.files(place)
    with open(path, "rb") as file:
        return file.read().replace(b"\r\n", b"\n")


def results(content):
    """The methods and their words, of our field."""
    field = re.search(rb"^Authentication-Results: mx\.example\.test((?:.|\n[ \t])*)", content, re.M)
    if field is None:
        return None
    return [one.decode() for one in re.findall(rb"\n\t(\w+=\w+)", field.group(1))]


def message(domain, more=b""):
    return (b"From: Alice <alice@" + domain.encode() + b">\r\nTo: bob@example.test\r\n" + more +
            b"Subject: who is it\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
            b"Message-ID: <1@" + domain.encode() + b">\r\n\r\nHello.\r\n.dot\r\n")


@case()
def what_is_written_down(t):
    """Above all else; what claims to be ours leaves, what is from others stays, the signature
    still verifies."""
    signed, record = dkim_mail.sign(t, message("client.test"))
    daemon = start(t, nameserver.Nsd(t, zones(record)).address)
    forged = (b"Authentication-Results: mx.example.test; spf=pass\r\n"
              b"Authentication-Results: other.test;\r\n\tspf=pass\r\n")
    t.equal(send(daemon, forged + signed, source=here).code, 250)
    text = delivered(t, daemon)
    t.equal(results(text), ["iprev=temperror", "spf=pass", "dkim=pass", "dmarc=pass", "arc=none"])
    t.equal(text.count(b"Authentication-Results: mx.example.test"), 1)
    t.true(b"\nAuthentication-Results: other.test;\n\tspf=pass\n" in text, text)
    t.true(text.index(b"Authentication-Results: mx.") < text.index(b"\nReceived: "), text)
    t.true(b"smtp.mailfrom=a@client.test" in text and b"header.d=client.test" in text, text)
    t.true(dkim_mail.verifies(text.replace(b"\n", b"\r\n"), record), "it still verifies")


@case()
def what_is_done(t):
    """By the listener's word and the domain's: accepted, junk or 550."""
    server = nameserver.Nsd(t, zones())
    wanted = {("none", "strict.test"): "", ("none", "soft.test"): "",
              ("junk", "strict.test"): ".Junk", ("junk", "soft.test"): ".Junk",
              ("junk", "lax.test"): "",
              ("reject", "strict.test"): None, ("reject", "soft.test"): ".Junk",
              ("reject", "lax.test"): ""}
    for (action, domain), folder in wanted.items():
        daemon = start(t, server.address, f"dmarc {action}")
        reply = send(daemon, message(domain))
        if folder is None:
            t.true(str(reply).startswith("550 5.7.26 Not accepted: strict.test says by DMARC"),
                   str(reply))
            t.true(daemon.events("message.refused"), "in the log")
            told = daemon.control_ok("explain", reply.token).decode()
            t.true("dmarc=fail" in told and "spf=fail" in told, told)
            t.equal(maildir.count(daemon.maildir_of("alice")), 0)
        else:
            t.equal(reply.code, 250, f"{action} {domain}")
            text = delivered(t, daemon, folder)
            t.equal(results(text)[1:], ["spf=fail", "dkim=none", "dmarc=fail", "arc=none"])
            t.equal(b"\nX-Spam: Yes\n" in text, folder == ".Junk")
        daemon.stop()


@case()
def overrides(t):
    """A table says otherwise of single domains."""
    server = nameserver.Nsd(t, zones())
    daemon = start(t, server.address, "dmarc none override <own>", tables=(
        'table own { "lax.test" = "reject", "soft.test" = "junk" }\n'))
    t.equal(send(daemon, message("lax.test")).code, 550)
    t.equal(send(daemon, message("lax.test"), "a@lax.test", here).code, 250, "which passes")
    t.equal(send(daemon, message("soft.test")).code, 250)
    delivered(t, daemon, ".Junk")
    daemon.stop()
    daemon = start(t, server.address, "dmarc reject override <own>",
                   tables='table own { "strict.test" = "none" }\n')
    t.equal(send(daemon, message("strict.test")).code, 250)


@case()
def a_trusted_forwarder(t):
    """Its ARC chain rescues what it forwards; that of others does not."""
    dkim = dkim_mail.library(t)
    signed, record = dkim_mail.sign(t, message("client.test"))
    key = dkim_mail.openssl("genrsa", "-traditional", "2048")
    public = dkim_mail.openssl("rsa", "-pubout", "-outform", "PEM", octets=key).decode()
    text = "v=DKIM1; k=rsa; p=" + "".join(public.splitlines()[1:-1])
    all_zones = zones(record) | {"list.test": [
        f'arc._domainkey TXT "{text[:200]}" "{text[200:]}"', spf]}
    server = nameserver.Nsd(t, all_zones)
    changed = (b"Authentication-Results: list.test; dkim=pass header.d=client.test; spf=pass\r\n" +
               signed.replace(b"Hello.", b"[list] Hello."))
    seal = dkim.arc_sign(changed, b"arc", b"list.test", key, b"list.test",
                         include_headers=[b"from", b"to", b"subject", b"date"])
    sealed = b"".join(seal) + changed
    for option, code in (("dmarc reject", 550), ("dmarc reject trust <lists>", 250),
                         ("dmarc reject trust <others>", 550)):
        daemon = start(t, server.address, option, tables=(
            'table lists { "list.test" }\ntable others { "other.test" }\n'))
        t.equal(send(daemon, sealed, "bounce@list.test", here).code, code, option)
        if code == 250:
            t.equal(results(delivered(t, daemon))[1:],
                    ["spf=pass", "dkim=fail", "dmarc=fail", "arc=pass"])
        daemon.stop()


@case()
def no_name_server(t):
    """What cannot be found out speaks against nobody, and takes its time once."""
    daemon = start(t, f"127.0.0.1:{free_port()}")
    t.equal(send(daemon, message("strict.test"), "a@strict.test").code, 250)
    t.equal(results(delivered(t, daemon))[1:],
            ["spf=temperror", "dkim=none", "dmarc=temperror", "arc=none"])


@case()
def who_is_not_asked(t):
    """The other listener, and programs of this machine: nothing is written or done."""
    daemon = start(t, nameserver.Nsd(t, zones()).address)
    with daemon.client() as client:
        client.hello()
        client.transaction(message("strict.test"), recipients=("alice@example.test",))
        client.quit()
    t.equal(results(delivered(t, daemon)), None)


@case()
def through_a_filter(t):
    """The field stands above what a filter process made of the message."""
    log = t.path("filter.log")
    with open(log, "w", encoding="utf-8"):
        pass
    os.chmod(log, 0o666)
    program = os.path.abspath(filter_program.__file__)
    daemon = start(t, nameserver.Nsd(t, zones()).address, "dmarc junk filter f", tables=(
        f'filter f proc-exec "{program} {log} line=s/Hello/Bye/"\n'))
    forged = b"Authentication-Results: mx.example.test; spf=pass\r\n"
    t.equal(send(daemon, forged + message("soft.test"), "a@soft.test").code, 250)
    text = delivered(t, daemon, ".Junk")
    t.equal(results(text)[1:], ["spf=fail", "dkim=none", "dmarc=fail", "arc=none"])
    t.equal(text.count(b"Authentication-Results"), 1)
    t.true(b"\nBye.\n" in text, text)


@case()
def clients_that_leave(t):
    """While their sender is looked up: nothing is kept, and the next is served."""
    server = nameserver.Nsd(t, zones())
    daemon = start(t, server.address)
    server.stop()
    for _ in range(20):
        with smtp.Client("127.0.0.1", daemon.checked, source="127.0.0.3") as client:
            client.hello()
            client.envelope(sender="a@strict.test", recipients=("alice@example.test",))
            client.expect("DATA", 354)
            client.send(smtp.stuffed(message("strict.test")))
            client.reset()
    server.start()
    t.equal(send(daemon, message("client.test"), "a@client.test", here).code, 250)
    daemon.wait_no_session()


@case()
def mistakes(t):
    """Named with their line."""
    for option, words in (("dmarc maybe", "none, junk or reject"),
                          ("dmarc junk override <wrong>", "which is not none, junk or reject"),
                          ("dmarc junk trust <nobody>", "nobody")):
        path = t.path("wrong.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write('table wrong { "a.test" = "perhaps" }\n'
                       f'listen on 127.0.0.1 port 2599 {option}\n'
                       'action a maildir\nmatch for local action a\n')
        done = t.run_daemon("-n", "-f", path)
        t.true(done.returncode != 0 and "wrong.conf:2:" in done.stderr and words in done.stderr,
               done.stderr)

"""Where results of sender authentication go: into fields, to filters, and out of the way of a
drain."""
import os
import re
import time

from harness import filter_program, maildir, nameserver, smtp
from harness.case import case
from harness.zones import Zones, silent
from scenarios.s32_auth import World, password
from scenarios.s33_submission import LocalClient
from scenarios.s50_sender_auth import delivered, here, message, results, send, start, zones


@case()
def the_name_of_the_domain(t):
    """`admd` is whose results they are: what came with that name leaves, the server's own name is
    nobody's then."""
    daemon = start(t, nameserver.Nsd(t, zones()).address, tables='admd "example.test"\n')
    came = (b"Authentication-Results: example.test; spf=pass smtp.mailfrom=forged.test\r\n"
            b"Authentication-Results: mx.example.test; spf=pass\r\n")
    t.equal(send(daemon, came + message("lax.test"), "a@lax.test", here).code, 250)
    text = delivered(t, daemon)
    t.equal(re.findall(rb"^Authentication-Results: ([a-z.]+);", text, re.M),
            [b"example.test", b"mx.example.test"])
    t.true(b"forged" not in text, text)


@case()
def a_drain_waits_for_nobody(t):
    """A name service that hangs keeps no client from its answer while the daemon stops."""
    server = Zones(t, {"client.test": [silent], "_dmarc.client.test": [silent]})
    daemon = start(t, server.address + " timeout 5s attempts 2 #")
    with smtp.Client("127.0.0.1", daemon.checked, source="127.0.0.3", timeout=30) as client:
        client.expect("EHLO host.client.test", 250)
        client.envelope(sender="a@client.test", recipients=("alice@example.test",))
        client.expect("DATA", 354)
        client.send(smtp.stuffed(message("client.test")))
        time.sleep(1)
        began = time.monotonic()
        daemon.terminate()
        t.equal(client.reply().code, 250)
        took = time.monotonic() - began
        t.true(1 < took < 5, f"{took:.1f} s")
    daemon.wait()


@case()
def conditions_of_filters(t):
    """Built-in filters at commit refuse, file as junk or let pass by results."""
    server = nameserver.Nsd(t, zones())
    daemon = start(t, server.address, "dmarc none filter { friends, soft, hard }", tables=(
        'table friends { "lax.test" }\n'
        'filter friends phase commit match dmarc pass domain <friends> bypass\n'
        'filter soft phase commit match spf { fail, softfail } junk\n'
        'filter hard phase commit match ! dmarc fail reject "550 5.7.1 nobody asked for this"\n'))
    t.equal(send(daemon, message("lax.test"), "a@lax.test", here).code, 250)
    text = delivered(t, daemon)
    t.true(b"X-Spam" not in text, text)
    t.equal(str(send(daemon, message("client.test"), "a@client.test", here)),
            "550 5.7.1 nobody asked for this")
    t.equal(send(daemon, message("soft.test"), "a@soft.test").code, 250)
    text = delivered(t, daemon, ".Junk")
    t.equal(results(text)[1:], ["spf=fail", "dkim=none", "dmarc=fail", "arc=none"])
    t.equal(text.count(b"X-Spam: Yes\n"), 1)


@case()
def processes_are_told(t):
    """A process that asks for tx-results by name decides at commit by what it says."""
    log = t.path("filter.log")
    with open(log, "w", encoding="utf-8"):
        pass
    os.chmod(log, 0o666)
    program = os.path.abspath(filter_program.__file__)
    daemon = start(t, nameserver.Nsd(t, zones()).address, "dmarc none received-spf filter f", tables=(
        f'admd "example.test"\nfilter f proc-exec "{program} {log} results=dmarc=fail"\n'))
    t.equal(str(send(daemon, message("lax.test"), "a@lax.test")), "550 5.7.1 not with dmarc=fail")
    t.equal(send(daemon, message("lax.test"), "a@lax.test", here).code, 250)
    text = delivered(t, daemon)
    with open(log, encoding="utf-8") as file:
        told = [line for line in file if "|tx-results|" in line]
    t.equal(len(told), 2)
    t.true(re.search(r"\|[0-9a-f]{16}\|example\.test; iprev=temperror policy\.iprev=127\.0\.0\.2;"
                     r" spf=pass smtp\.mailfrom=a@lax\.test; dkim=none; dmarc=pass "
                     r"\(p=none dis=none\) header\.from=lax\.test; arc=none$", told[1]), told[1])
    t.true(b'\nReceived-SPF: pass (mx.example.test: lax.test permits 127.0.0.2)\n'
           b'\treceiver=mx.example.test;\n\tclient-ip=127.0.0.2;\n\tenvelope-from="a@lax.test";\n'
           b'\thelo=host.client.test;\n\tidentity=mailfrom;\n\tmechanism="ip4:127.0.0.2"\n'
           b'Received: ' in text, text)


forged = (b"Authentication-Results: mx.example.test; dmarc=pass header.from=forged.test\r\n"
          b"Authentication-Results: other.test;\r\n\tspf=pass\r\n")
submitted = b"From: alice@example.test\r\nSubject: x\r\n" + forged + b"\r\n" + forged


@case()
def those_who_are_logged_in(t):
    """They are named where that was asked for, and cannot forge what this server finds out."""
    world = World(t)
    client = world.client()
    t.equal(world.plain("sha512", password, client).code, 235)
    client.transaction(submitted, recipients=("alice@example.test",))
    client.quit()
    text = delivered(t, world.daemon)
    t.equal(results(text), ["auth=pass"])
    t.true(b"\nAuthentication-Results: mx.example.test;\n\tauth=pass\n\t smtp.auth=sha512\nReceived: "
           in text, text)
    t.equal(text.count(b"forged.test"), 1, "the body has it")
    t.true(b"\nAuthentication-Results: other.test;\n\tspf=pass\n" in text, text)


@case()
def programs_of_this_machine(t):
    """Likewise, however their message is cut, and when it is nothing but a header."""
    daemon = t.daemon(users=["alice"], text=(
        'admd "mx.example.test"\ntable users { "alice@example.test" = "alice" }\n'
        'table base { "alice" = "{owner}:{mail}/alice" }\nlisten on 127.0.0.1 port {port}\n'
        'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
        ' userbase <base>\nmatch from any for domain "example.test" action "local"\n'))
    head = submitted[:submitted.index(b"\r\n\r\n") + 2]
    for count, (content, octets) in enumerate(((submitted, 1), (head, 1), (head, 4096)), 1):
        client = LocalClient(daemon)
        client.hello()
        client.envelope(sender="alice@example.test", recipients=("alice@example.test",))
        client.expect("DATA", 354)
        whole = smtp.stuffed(content)
        for at in range(0, len(whole), octets):
            client.send(whole[at:at + octets])
        t.equal(client.reply().code, 250)
        client.quit()
        daemon.wait_delivered(count)
    for path in maildir.files(daemon.maildir_of("alice")):
        with open(path, "rb") as file:
            text = file.read().replace(b"\r\n", b"\n")
        header, _, body = text.partition(b"\n\n")
        t.true(b"forged.test" not in header and b"other.test" in header, text)
        t.true(b"\nMessage-ID: <" in header and body.count(b"forged.test") in (0, 1), text)

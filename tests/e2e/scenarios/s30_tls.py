"""TLS: by STARTTLS and from the first octet, and what clients may try with it."""
import concurrent.futures
import hashlib
import json
import os
import smtplib
import socket
import ssl
import subprocess
import time

from harness import certificates, programs, smtp
from harness.acme import Acme
from harness.case import case
from harness.daemon import free_port

message = b"Subject: secret\r\n\r\nfor nobody else\r\n"
hosts = ["mx.example.test", "alias.example.test"]


class Secured:
    """A daemon with a STARTTLS listener ({port}) and one with TLS from the first octet."""

    def __init__(self, t, options="tls", implicit="smtps", more="", pki=None):
        self.test = t
        self.authority = certificates.Authority(t)
        self.port_smtps = free_port()
        lines = pki(self.authority) if pki else self.authority.pki("server", hosts)
        names = " ".join(f"pki {line.split()[1]}" for line in lines.splitlines()
                         if " cert " in line and line.startswith("pki"))
        self.daemon = t.daemon(users=["alice"], text=(
            f"{lines}{more.replace('{ca}', self.authority.certificate)}"
            'table users { "alice@example.test" = "alice" }\n'
            'table base { "alice" = "{owner}:{mail}/alice" }\n'
            f"listen on 127.0.0.1 port {{port}} hostname mx.example.test {options} {names}\n"
            f"listen on 127.0.0.1 port {self.port_smtps} hostname mx.example.test {implicit}"
            f" {names}\n"
            'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
            ' userbase <base>\nmatch tls from any for domain "example.test" action "local"\n'))

    def context(self, version=None, verify=True, ciphers=None):
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        return context

    def starttls(self, context=None, **options):
        return smtp.Client("127.0.0.1", self.daemon.port).start_tls(
            context or self.context(), options.pop("server_name", hosts[0]), **options)

    def smtps(self, context=None, **options):
        options.setdefault("server_name", hosts[0])
        client = smtp.Client("127.0.0.1", self.port_smtps, tls=context or self.context(),
                             **options)
        client.hello()
        return client

    def figure(self, name):
        return self.daemon.statistics()[f"ringpost_session_tls_{name}_total"]


versions = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@case(seconds=90)
def both_ways(t):
    """Mail comes in by both listeners and versions; Received, rules and the log know of TLS."""
    world = Secured(t)
    sent = 0
    for name, version in versions.items():
        for begin in (world.starttls, world.smtps):
            client = begin(world.context(version))
            t.equal(client.socket.version(), name)
            t.equal(client.transaction(message).code, 250)
            client.transaction(b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 40_000)
            client.quit()
            sent += 2
            mail = world.daemon.wait_delivered(sent)
            received = [one.received.decode() for one in mail]
            marks = [text for text in received if f"with ESMTPS ({name}:TLS_" in text]
            t.true(len(marks) >= 2, f"Received says {name}: {received}")
    plain = world.daemon.client()
    plain.hello()
    plain.expect("MAIL FROM:<a@b.test>", 250)
    plain.expect("RCPT TO:<alice@example.test>", 550)
    plain.quit()
    t.eventually(lambda: len([one for one in world.daemon.events("session.closed")
                              if one.get("tls")]) == 4, "the log says which sessions had TLS")
    t.equal(world.figure("full"), 4)


@case(seconds=60)
def resumption(t):
    """The second session of a client needs no signature, also after a reload."""
    world = Secured(t)
    for name, version in versions.items():
        context = world.context(version)
        first = world.smtps(context)
        first.transaction(message)
        session = first.socket.session
        first.quit()
        second = world.smtps(context, session=session)
        t.true(second.socket.session_reused, f"{name} is resumed")
        session = second.socket.session
        second.quit()
        world.daemon.control_ok("reload")
        third = world.starttls(context, session=session)
        t.true(third.socket.session_reused, f"{name} is resumed after a reload, by STARTTLS")
        third.quit()
    t.equal((world.figure("full"), world.figure("resumed")), (2, 4))


def pair(authority):
    return (authority.pki("mxec", hosts) + authority.pki("mxrsa", hosts, kind="rsa")
            + authority.pki("other", ["*.example.net", "example.net"], kind="ed25519"))


@case(seconds=60)
def many_certificates(t):
    """Which certificate a client sees goes by the name it asks for and by what it can verify."""
    world = Secured(t, pki=pair)

    def key_seen(server_name, *arguments):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{world.port_smtps}", "-CAfile",
             world.authority.certificate, "-verify_return_error", *arguments,
             *(["-servername", server_name] if server_name else ["-noservername"])],
            input="QUIT\r\n", capture_output=True, text=True, timeout=30, check=False)
        for line in done.stdout.splitlines():
            if line.startswith("Server public key is") or "Peer signature type" in line:
                return line.split(":")[-1].strip()
        raise AssertionError(done.stdout + done.stderr)

    t.equal(key_seen(hosts[0]), "ECDSA")
    t.equal(key_seen(hosts[1], "-tls1_2"), "ECDSA")
    t.equal(key_seen(hosts[0], "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), "RSA-PSS")
    t.equal(key_seen(hosts[0], "-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256"), "RSA-PSS")
    t.equal(key_seen("mail.example.net"), "ed25519")
    t.equal(key_seen(""), "ECDSA")
    t.equal(key_seen("nobody.example.org"), "ECDSA")


@case(seconds=60)
def client_certificates(t):
    """`verify` demands a certificate of the authority's; a mere `ca` notes what there is."""
    world = Secured(t, options="tls ca private", implicit="smtps verify ca private",
                    more='ca private cert "{ca}"\n')
    good = world.authority.issue("client", ["client.example.test"])
    stranger = certificates.Authority(t, "stranger").issue("client", ["client.example.test"])
    for version in versions.values():
        for files, accepted in ((good, True), (stranger, False), (None, False)):
            context = world.context(version)
            if files:
                context.load_cert_chain(*files)
            client = world.starttls(context)
            t.equal(client.transaction(message).code, 250)
            client.quit()
            try:
                world.smtps(context).quit()
                t.true(accepted, f"{files} was accepted")
            except (ssl.SSLError, ConnectionError, smtp.Closed) as error:
                t.true(not accepted, f"{files} was refused: {error}")
    texts = [one.received.decode() for one in world.daemon.wait_delivered(6)]
    t.equal(sum(":YES)" in text for text in texts), 2, "verified ones")
    t.equal(sum(":NO)" in text for text in texts), 4, "others")


@case(seconds=60)
def injection(t):
    """What is sent behind STARTTLS in the clear is never read, and everything before forgotten."""
    world = Secured(t)
    for injected in (b"NOOP\r\n", b"EHLO evil.test\r\nMAIL FROM:<evil@evil.test>\r\n",
                     b"x" * 1000):
        client = world.daemon.client()
        client.hello()
        client.expect("MAIL FROM:<before@b.test>", 250)
        client.send(b"STARTTLS\r\n" + injected)
        client.expect_reply(220)
        time.sleep(0.2)
        client.secure(world.context(), hosts[0])
        t.true(client.silent(0.3), "no reply to what was injected")
        client.expect("MAIL FROM:<after@b.test>", 503)
        reply = client.hello()
        t.true("STARTTLS" not in reply.lines, f"{reply!r}")
        client.expect("STARTTLS", 503)
        t.equal(client.transaction(message).code, 250)
        client.quit()


@case(seconds=60)
def required(t):
    """tls-require: nothing but the few commands of RFC 3207 4 goes without TLS."""
    world = Secured(t, options="tls-require")
    client = world.daemon.client()
    client.expect("MAIL FROM:<a@b.test>", 530, "5.7.0")
    client.expect("NOOP", 250)
    client.hello()
    client.expect("MAIL FROM:<a@b.test>", 530, "5.7.0")
    client.expect("STARTTLS now", 501)
    client.expect("STARTTLS", 220)
    client.secure(world.context(), hosts[0])
    client.hello()
    t.equal(client.transaction(message).code, 250)
    client.quit()


@case(seconds=120)
def hostile(t):
    """Garbage, half handshakes, renegotiation and floods end one connection, and stop no other."""
    world = Secured(t)
    for octets in (b"EHLO client\r\n", b"\x16\x03\x01\x40\x00" + b"\0" * 100, b"\x80\x2e\x01\x00\x02",
                   b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\xff\xff", os.urandom(5000)):
        with socket.create_connection(("127.0.0.1", world.port_smtps), timeout=10) as raw:
            raw.sendall(octets)
            raw.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while more := raw.recv(4096):
                    answer += more
            except ConnectionResetError:
                pass
            t.true(not answer or answer[0] == 0x15, f"nothing but an alert: {answer!r}")
    slow = []
    for _ in range(50):  # never to be finished
        raw = socket.create_connection(("127.0.0.1", world.port_smtps), timeout=10)
        raw.sendall(b"\x16\x03\x01\x02\x00\x01")
        slow.append(raw)
    begun = time.monotonic()
    world.smtps().quit()
    t.true(time.monotonic() - begun < 5, "slow clients hold nobody up")
    with concurrent.futures.ThreadPoolExecutor(max_workers=40) as pool:
        done = list(pool.map(lambda _: world.smtps().quit().code, range(200)))
    t.equal(done, [221] * 200)
    for raw in slow:
        raw.close()
    client = world.smtps()
    raw = socket.socket(fileno=client.socket.detach())  # vanishes without close_notify
    raw.close()
    renegotiated = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{world.port_smtps}", "-tls1_2", "-crlf"],
        input="R\n", capture_output=True, text=True, timeout=30, check=False)
    t.true("no renegotiation" in renegotiated.stderr or renegotiated.returncode != 0
           or "RENEGOTIATING" in renegotiated.stdout, renegotiated.stderr)
    t.true(world.daemon.running(), "it still runs")
    t.true(world.figure("failed") >= 6, "failures are counted")
    t.eventually(lambda: len(world.daemon.events("tls.failed")) >= 6, "failures are logged")


@case(seconds=90)
def foreign_clients(t):
    """swaks and smtplib, each both ways."""
    world = Secured(t)
    swaks = programs.swaks(t)
    base = [swaks, "--to", "alice@example.test", "--from", "a@b.test", "--server", "127.0.0.1"]
    for arguments in (["--port", str(world.daemon.port), "-tls"],
                      ["--port", str(world.port_smtps), "--tls-on-connect"]):
        done = subprocess.run([*base, *arguments], capture_output=True, text=True, timeout=40,
                              check=False)
        t.equal(done.returncode, 0, done.stdout[-2000:])
    with smtplib.SMTP("127.0.0.1", world.daemon.port, timeout=20) as client:
        client._host = hosts[0]  # what the certificate must say
        client.starttls(context=world.context())
        client.sendmail("a@b.test", ["alice@example.test"], message)
    with smtplib.SMTP_SSL("127.0.0.1", world.port_smtps, timeout=20,
                          context=world.context(verify=False)) as client:
        client.sendmail("a@b.test", ["alice@example.test"], message)
    world.daemon.wait_delivered(4)


def serial_seen(client):
    return client.socket.getpeercert()["serialNumber"]


@case(seconds=90)
def renewal(t):
    """New files are used after a reload, and by themselves; no session ends by it."""
    world = Secured(t)
    old = world.smtps()
    old.envelope()
    first = serial_seen(old)
    world.authority.issue("server", hosts, replace=True)
    world.daemon.control_ok("reload")
    second = serial_seen(world.smtps())
    t.true(first != second, "a reload takes the new certificate")
    certificate, _ = world.authority.issue("server", hosts, kind="rsa", replace=True)
    third = int(certificates.serial_of(certificate), 16)
    t.eventually(lambda: int(serial_seen(world.smtps()), 16) == third,
                 "changed files are noticed", 30)
    t.equal(old.data(message).code, 250)
    old.quit()


@case()
def when_each_certificate_ends(t):
    """A figure for each `pki`, also after its file has been renewed."""
    world = Secured(t, pki=lambda authority: (
        authority.pki("mxec", hosts, days=10) + authority.pki("mxrsa", hosts, "rsa", days=20)))

    def ends():
        return {name: value for name, value in world.daemon.statistics().items()
                if name.startswith("ringpost_certificate_end_seconds")}

    def in_files():
        paths = {name: os.path.join(world.authority.folder, name + ".pem")
                 for name in ("mxec", "mxrsa")}
        return {f'ringpost_certificate_end_seconds{{pki="{name}",file="{path}"}}': end_of(path)
                for name, path in paths.items()}
    before = ends()
    t.equal(before, in_files())
    world.authority.issue("mxec", hosts, days=30, replace=True)
    world.daemon.control_ok("reload")
    t.equal(ends(), in_files())
    t.true(ends() != before, "the renewed one ends later")


def end_of(path):
    """When the first certificate of a file ends, in seconds since 1970."""
    said = certificates.openssl("x509", "-in", path, "-noout", "-enddate").strip()
    return ssl.cert_time_to_seconds(said.removeprefix("notAfter="))


@case(seconds=90)
def mistakes(t):
    """Certificates and keys that cannot be used are told with their line, and change nothing."""
    world = Secured(t)
    certificate, key = (os.path.join(world.authority.folder, "server" + end) for end in (".pem", ".key"))
    other, _ = world.authority.issue("else", hosts)
    good = world.daemon.configuration()

    def checked(text):
        world.daemon.configuration_path += ".check"
        with open(world.daemon.configuration_path, "w", encoding="utf-8") as file:
            file.write(text)
        done = t.run_daemon("-n", "-f", world.daemon.configuration_path)
        return done.returncode, done.stderr

    for text, wanted in (
            (good, ""),
            (good.replace(certificate, other), "is not that of the certificate"),
            (good.replace(certificate, "/nonexistent.pem"), "/nonexistent.pem"),
            (good.replace(certificate, key), "no certificate in it"),
            (good.replace(" pki server", ""), "TLS needs a pki"),
            (good.replace(" tls pki", " tls protocols \"sslv3\" pki"), "unknown protocol")):
        status, told = checked(text)
        t.equal(status == 0, not wanted, told)
        t.true(wanted in told, f"{wanted!r} in {told!r}")
        t.true(not wanted or ":1:" in told or ":5:" in told or ":6:" in told, told)
    os.chmod(key, 0o644)
    status, told = checked(good)
    t.true(status != 0 and key in told and "644" in told, told)


@case(seconds=450)
def testssl(t):
    """testssl.sh, with all it tests but clients it pretends to be, finds nothing above LOW."""
    world = Secured(t, pki=lambda authority: (
        authority.pki("mxec", hosts, days=120) + authority.pki("mxrsa", hosts, kind="rsa", days=120)
        + authority.pki("other", ["*.example.net"], kind="ed25519", days=120)))
    program = "/usr/bin/testssl"
    if not os.path.exists(program):
        t.skip("testssl is not installed (package testssl.sh)")
    grave = []
    for arguments, port in ((["--starttls", "smtp"], world.daemon.port), ([], world.port_smtps)):
        report = t.path(f"testssl-{port}.json")
        subprocess.run([program, "--quiet", "--color", "0", "--jsonfile", report, "--add-ca",
                        world.authority.certificate, "--ip", "127.0.0.1", "--nodns", "none",
                        "-p", "-f", "-P", "-U", "-s", "-S", "-E", "-g", *arguments,
                        f"{hosts[0]}:{port}"],
                       capture_output=True, timeout=210, check=False, stdin=subprocess.DEVNULL)
        with open(report, encoding="utf-8") as file:
            findings = json.load(file)
        t.true(len(findings) > 80, f"testssl has looked: {len(findings)} findings")
        grave += [one for one in findings if is_grave(one)]
    t.equal(grave, [], "findings above LOW")


# Not about us: the openssl that it uses, an authority without a list of revoked certificates, and
# resumption by an openssl that leaves before the ticket has come (case resumption waits for it).
of_others = ("engine_problem", "RC4", "cert_revocation", "sessionresumption_ticket")


def is_grave(finding):
    """Above LOW. Clients of other protocols are turned away by ALPN as they are meant to be."""
    if finding["severity"] not in ("MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL"):
        return False
    if finding["id"] == "GREASE":
        return "application_layer_protocol_negotiation" not in finding["finding"]
    return finding["id"].split()[0] not in of_others


@case(seconds=240)
def acme(t):
    """certbot gets a certificate from pebble and renews it; the daemon notices by itself."""
    if os.getuid() != 0:
        t.skip("needs root: certbot's folders are root's")
    server = Acme(t, hosts[0])
    server.issue()
    port = free_port()
    daemon = t.daemon(users=["alice"], as_root=True, text=(
        "engine keys-user daemon\n"
        f'pki acme cert "{server.live}/fullchain.pem" key "{server.live}/privkey.pem"\n'
        'table users { "alice@example.test" = "alice" }\n'
        'table base { "alice" = "{owner}:{mail}/alice" }\n'
        f"listen on 127.0.0.1 port {{port}} hostname {hosts[0]} tls pki acme\n"
        f"listen on 127.0.0.1 port {port} hostname {hosts[0]} smtps pki acme\n"
        'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
        ' userbase <base>\nmatch from any for domain "example.test" action "local"\n'))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def fingerprint(client):
        return hashlib.sha256(client.socket.getpeercert(binary_form=True)).hexdigest()

    def in_file():
        with open(f"{server.live}/cert.pem", encoding="ascii") as file:
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()

    def connect():
        client = smtp.Client("127.0.0.1", port, tls=context, server_name=hosts[0])
        client.hello()
        return client

    sessions = [connect() for _ in range(20)]
    sessions += [daemon.client().start_tls(context, hosts[0]) for _ in range(20)]
    first = in_file()
    t.equal({fingerprint(one) for one in sessions}, {first})
    for one in sessions:
        one.envelope()
    server.renew()
    t.true(in_file() != first, "certbot has renewed")
    t.eventually(lambda: fingerprint(connect()) == in_file(), "the renewed one is used", 30)
    for one in sessions:
        t.equal(one.data(message).code, 250)
        one.quit()
    reloaded = daemon.events("certificate.reloaded")
    t.true(reloaded and reloaded[-1]["done"] == "true", f"the log tells: {reloaded}")

"""AUTH: foreign clients, every back end, wrong passwords, limits; what the log never says."""
import base64
import crypt
import hashlib
import hmac
import os
import secrets
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time

from harness import account, certificates, dovecot, smtp
from harness.case import case
from harness.daemon import family, free_port

password = "correct horse"
wrong = "battery staple"
message = b"Subject: handed in\r\n\r\nby somebody\r\n"
host = "mx.example.test"


def scram_keys(text, iterations=4096):
    """The row of a table of credentials as Dovecot writes it."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", text.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return "{SCRAM-SHA-256}%d,%s,%s,%s" % (
        iterations, *(base64.b64encode(part).decode() for part in (salt, stored, server)))


def hashes():
    """One user for each form of hash that crypt(3) and a table may hold."""
    return {"bcrypt": crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=32)),
            "sha512": crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512, rounds=1000)),
            "yescrypt": crypt.crypt(password, "$y$j75$F5Jx5fExrKuPp53xLKQ..1"),
            "scram": scram_keys(password)}


class World:
    """A daemon with `tls` and `smtps` listeners that demand or offer AUTH from `credentials`.

    tables   lines before the listeners; the credentials stand in table creds
    auth     how a listener asks for it
    """

    def __init__(self, t, tables=None, auth="auth <creds>", tls="tls", more="", arguments=("-v",),
                 as_root=False, wrapper=()):
        self.test = t
        self.authority = certificates.Authority(t, f"authority{len(t.daemons)}")
        self.port_smtps = free_port()
        if tables is None:
            rows = ", ".join(f'"{user}" = "{row}"' for user, row in hashes().items())
            tables = f"table creds {{ {rows} }}\n"
        pki = self.authority.pki("server", [host])
        owner = "{owner}" if not as_root else "20001:20001"
        self.daemon = t.daemon(users=["alice"], arguments=arguments, as_root=as_root,
                               wrapper=wrapper, text=(
            f'{pki}{more}{tables}'
            'table users { "alice@example.test" = "alice" }\n'
            f'table base {{ "alice" = "{owner}:{{mail}}/alice" }}\n'
            f"listen on 127.0.0.1 port {{port}} hostname {host} {tls} pki server {auth}"
            " received-auth\n"
            f"listen on 127.0.0.1 port {self.port_smtps} hostname {host} smtps pki server {auth}"
            " received-auth\n"
            'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
            ' userbase <base>\nmatch auth from any for any action "local"\n'))
        if as_root:
            os.chown(self.daemon.home_of("alice"), 20001, 20001)
        self.context = ssl.create_default_context(cafile=self.authority.certificate)

    def client(self):
        """A raw client under TLS."""
        client = smtp.Client("127.0.0.1", self.port_smtps, tls=self.context, server_name=host)
        client.hello()
        return client

    def plain(self, user, text, client=None):
        """The reply to AUTH PLAIN."""
        own = client or self.client()
        response = base64.b64encode(f"\0{user}\0{text}".encode()).decode()
        own.send(f"AUTH PLAIN {response}\r\n".encode())
        reply = own.reply()
        if client is None:
            own.close()
        return reply

    def log(self):
        with open(self.daemon.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def expect_no_secrets(self, *texts):
        """No password in any spelling, in the log or the trace of the dialogue."""
        log = self.log()
        for text in (password, wrong, *texts):
            for form in (text, base64.b64encode(text.encode()).decode().rstrip("=")[:-1]):
                self.test.true(form not in log, f"{form!r} stands in the log")
        for word in log.split():
            try:
                plain = base64.b64decode(word, validate=True)
            except ValueError:
                continue
            self.test.true(password.encode() not in plain, "a response stands in the log")


@case(seconds=90)
def every_form_of_hash(t):
    """Each opens with its password and with nothing else; the log names who, never with what."""
    world = World(t, more="smtp limit max-auth-failures-per-address 50\n")
    for user in hashes():
        t.equal(world.plain(user, password).code, 235, user)
        begun = time.monotonic()
        t.equal(str(world.plain(user, wrong)), "535 5.7.8 Authentication credentials invalid")
        t.true(time.monotonic() - begun >= 0.95, "a failure is delayed")
    t.equal(world.plain("nobody", password).code, 535)
    accepted = world.daemon.events("auth.accepted")
    t.equal([one["user"] for one in accepted], list(hashes()))
    refused = world.daemon.events("auth.refused")
    t.equal([one["reason"] for one in refused], ["wrong password"] * 4 + ["unknown user"])
    t.true(all(one["client"] == "127.0.0.1" for one in accepted + refused), "the address")
    world.expect_no_secrets()


@case(seconds=60)
def hashes_of_our_own(t):
    """What ringpostctl encrypt makes opens with its password, also for SCRAM."""
    def encrypt(*arguments, text=""):
        return subprocess.run([t.program("ringpostctl"), "encrypt", *arguments], input=text,
                              capture_output=True, text=True, timeout=30, check=False)
    rows = {"first": encrypt(password).stdout.strip(),
            "second": encrypt("--scram", text=password + "\n").stdout.strip()}
    t.true(rows["first"].startswith("$") and rows["second"].startswith("{SCRAM-SHA-256}"), rows)
    t.equal([encrypt("a", "b").returncode, encrypt("-x").returncode, encrypt("").returncode],
            [64, 64, 65])
    table = ", ".join(f'"{user}" = "{row}"' for user, row in rows.items())
    world = World(t, tables=f"table creds {{ {table} }}\n")
    for user in rows:
        t.equal(world.plain(user, password).code, 235, user)


@case(seconds=120)
def foreign_clients(t):
    """smtplib, swaks, curl and msmtp by STARTTLS and from the first octet; Received says it."""
    world = World(t)
    sent = 0
    for port, implicit in ((world.daemon.port, False), (world.port_smtps, True)):
        for mechanism in ("PLAIN", "LOGIN"):
            kind = smtplib.SMTP_SSL if implicit else smtplib.SMTP
            options = {"context": world.context} if implicit else {}
            with kind(host="127.0.0.1", port=port, timeout=20, **options) if not implicit else \
                    smtplib.SMTP_SSL("127.0.0.1", port, timeout=20, context=loose(world)) as client:
                client.ehlo("client.example")
                if not implicit:
                    t.true("auth" not in client.esmtp_features, "nothing is offered without TLS")
                    client.starttls(context=loose(world))
                    client.ehlo("client.example")
                t.equal(client.esmtp_features["auth"].strip(), "PLAIN LOGIN")
                client.user, client.password = "bcrypt", password
                method = getattr(client, "auth_" + mechanism.lower())
                t.equal(client.auth(mechanism, method)[0], 235, mechanism)
                client.sendmail("a@b.test", "alice@example.test", message)
            sent += 1
        for command in commands(t, world, port, implicit):
            done = subprocess.run(command, input=message, capture_output=True, timeout=40,
                                  check=False)
            t.equal(done.returncode, 0, f"{command[0]}: {(done.stdout + done.stderr).decode()}")
            sent += 1
    mail = world.daemon.wait_delivered(sent)
    for one in mail:
        received = one.received.decode()
        t.true("with ESMTPSA" in received and "(auth=yes user=" in received, received)
    t.note(f"{sent} messages")
    accepted = world.daemon.events("message.accepted")
    t.true(all(one["user"] in hashes() for one in accepted), "the log says whose mail it is")
    world.expect_no_secrets()


def loose(world):
    """Trusts the authority whatever the host is called: smtplib knows it as 127.0.0.1."""
    context = ssl.create_default_context(cafile=world.authority.certificate)
    context.check_hostname = False
    return context


def commands(t, world, port, implicit):
    """Command lines of foreign clients that are there."""
    found = []
    if shutil.which("swaks"):
        for mechanism in ("PLAIN", "LOGIN"):
            found.append(["swaks", "-s", "127.0.0.1", "-p", str(port), "-f", "a@b.test", "-t",
                          "alice@example.test", "--tls-on-connect" if implicit else "--tls",
                          "-a", mechanism, "-au", "sha512", "-ap", password, "-d", "-", "-ha",
                          "-h", "client.example"])
    if shutil.which("curl"):
        found.append(["curl", "-sS", "--ssl-reqd", "--cacert", world.authority.certificate,
                      "--resolve", f"{host}:{port}:127.0.0.1", "--mail-from", "a@b.test",
                      "--mail-rcpt", "alice@example.test", "-u", f"yescrypt:{password}", "-T", "-",
                      f"{'smtps' if implicit else 'smtp'}://{host}:{port}/client.example"])
    if shutil.which("msmtp"):
        found.append(["msmtp", "--host=127.0.0.1", f"--port={port}", "--auth=plain",
                      "--user=bcrypt", f"--passwordeval=printf %s '{password}'", "--tls=on",
                      f"--tls-starttls={'off' if implicit else 'on'}", "--from=a@b.test",
                      "--tls-certcheck=off", "--timeout=20", "--domain=client.example",
                      "alice@example.test"])
    t.note("clients: smtplib " + " ".join(sorted({command[0] for command in found})))
    return found


@case(seconds=60)
def nobody_relays_without(t):
    """Mail of a client that is not authenticated is refused, in the clear and under TLS."""
    world = World(t, auth="auth-optional <creds>")
    clear = world.daemon.client()
    clear.hello()
    clear.send(b"AUTH PLAIN AGFsaWNlAGE=\r\n")
    t.equal(clear.reply().code, 538, "AUTH in the clear")
    for client in (clear, world.client()):
        client.expect("MAIL FROM:<a@b.test>", 250)
        for recipient in ("alice@example.test", "x@elsewhere.test"):
            t.equal(client.command(f"RCPT TO:<{recipient}>").enhanced, "5.7.1", "no rule matches")
        client.close()
    demanding = World(t)
    client = demanding.client()
    t.equal(client.command("MAIL FROM:<a@b.test>").code, 530, "MAIL before AUTH")
    t.equal(demanding.plain("scram", password, client).code, 235)
    t.equal(client.command("AUTH PLAIN =").code, 503, "once is enough")
    client.hello()
    t.equal(client.transaction(message).code, 250)
    client.quit()


@case(seconds=60)
def scram(t):
    """SCRAM-SHA-256 where every row of the table has keys; the signature of the server is right."""
    world = World(t, tables=f'table creds {{ "alice" = "{scram_keys(password)}" }}\n')
    client = world.client()
    t.true("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"
           in client.command("EHLO c.example").lines, "SCRAM is offered")
    for text, code in ((wrong, 535), (password, 235)):
        t.equal(say_scram(t, client, "alice", text), code)
    t.equal(world.plain("alice", password).code, 235, "PLAIN by the same keys")
    other = world.client()
    t.equal(say_scram(t, other, "nobody", password), 535)
    world.expect_no_secrets()


def say_scram(t, client, user, text):
    """The whole exchange; the code of its end."""
    encode, decode = (lambda data: base64.b64encode(data).decode()), base64.b64decode
    first = f"n={user},r={secrets.token_hex(8)}"
    reply = client.command("AUTH SCRAM-SHA-256 " + encode(("n,," + first).encode()))
    t.equal(reply.code, 334)
    server = decode(reply.lines[0]).decode()
    fields = dict(part.split("=", 1) for part in server.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", text.encode(), decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    bare = f"c=biws,r={fields['r']}"
    auth = f"{first},{server},{bare}".encode()
    mask = hmac.digest(hashlib.sha256(key).digest(), auth, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, mask))
    reply = client.command(encode(f"{bare},p={encode(proof)}".encode()))
    if reply.code != 334:
        return reply.code
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256")
    t.equal(decode(reply.lines[0]).decode(), "v=" + encode(signature))
    return client.command("").code


@case(seconds=90)
def limits(t):
    """An address and an account that fail too often hear 454; the owner comes in all the same."""
    world = World(t, more="smtp limit max-auth-failures-per-address 3 "
                          "max-auth-failures-per-account 2\n")
    t.equal(world.plain("scram", password).code, 235, "127.0.0.1 is familiar to scram")
    for count in range(2):
        t.equal(from_address(world, "127.0.0.9", "scram", wrong).code, 535, str(count))
    t.equal(from_address(world, "127.0.0.8", "scram", password).code, 454, "the account is limited")
    t.equal(world.plain("scram", password).code, 235, "its owner is not")
    t.equal(from_address(world, "127.0.0.9", "sha512", wrong).code, 535)
    t.equal(from_address(world, "127.0.0.9", "bcrypt", password).code, 454,
            "the address is limited, whoever it is")
    figures = world.daemon.statistics()
    t.equal(figures["ringpost_auth_limited_total"], 2)
    t.equal(figures["ringpost_auth_refused_total"], 3)
    t.equal(figures["ringpost_auth_accepted_total"], 2)
    world.expect_no_secrets()


def from_address(world, address, user, text):
    """AUTH PLAIN from an address of our own."""
    plain = socket.create_connection(("127.0.0.1", world.port_smtps), 30, (address, 0))
    with world.context.wrap_socket(plain, server_hostname=host) as secured:
        lines = secured.makefile("rwb", buffering=0)
        lines.readline()
        lines.write(b"EHLO c.example\r\n")
        while lines.readline()[3:4] == b"-":
            pass
        response = base64.b64encode(f"\0{user}\0{text}".encode())
        lines.write(b"AUTH PLAIN " + response + b"\r\n")
        return smtp.Reply(lines.readline())


@case(seconds=60)
def broken_exchanges(t):
    """Cancelled, malformed and endless ones end with their reply, and errors count."""
    world = World(t)
    client = world.client()
    for first, response, code in (("AUTH LOGIN", "*", 501), ("AUTH LOGIN", "=", 501),
                                  ("AUTH LOGIN", "A" * 13_000, 500), ("AUTH PLAIN", "AAAA", 501)):
        t.equal(client.command(first).code, 334)
        t.equal(client.command(response).code, code, f"{first} {response[:8]}")
    t.equal(client.command("AUTH NTLM").code, 504)
    t.equal(client.command("AUTH").code, 501)
    t.equal(client.command("NOOP").code, 250, "the session goes on")
    # A client that does not wait for its 334 has its words read as commands.
    word = base64.b64encode(password.encode()).decode()
    client.send(f"AUTH CRAM-MD5\r\n{word}\r\n{word}\r\n".encode())
    t.equal([client.reply().code for _ in range(3)], [504, 500, 500])
    client.command("AUTH LOGIN")
    client.close()
    world.expect_no_secrets()
    t.equal(world.plain("bcrypt", password).code, 235)


@case(seconds=90)
def slow_hashes_stop_nobody(t):
    """While passwords are compared for seconds, other sessions of the same core go on."""
    slow = crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512, rounds=1_000_000))
    world = World(t, tables=f'table creds {{ "slow" = "{slow}" }}\n', more="engine cores 1\n")
    results = []
    threads = [threading.Thread(target=lambda: results.append(world.plain("slow", password).code))
               for _ in range(6)]
    bystander = world.client()
    for thread in threads:
        thread.start()
    longest = 0.0
    while any(thread.is_alive() for thread in threads):
        begun = time.monotonic()
        bystander.expect("NOOP", 250)
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.01)
    t.equal(results, [235] * 6)
    t.true(longest < 0.5, f"another session waited {longest:.3f} s")
    t.note(f"NOOP took {longest * 1000:.0f} ms at most beside 6 slow hashes")


@case(seconds=120)
def table_program(t):
    """Credentials of a program; one that dies puts clients off with 454, and comes back."""
    program = os.path.join(os.path.dirname(dovecot.__file__), "table_program.py")
    rows = t.path("rows")
    with open(rows, "w", encoding="utf-8") as file:
        file.write(f"credentials alice=alice:{scram_keys(password)}\n"
                   "credentials dead=!die\ncredentials broken=!error\ncredentials odd={SSHA}x\n")
    path = shutil.copy(program, t.path("program"))
    for one in (path, rows):
        account.give(account.unprivileged(), one)
    os.chmod(path, 0o755)
    world = World(t, tables=f'table creds "proc:{path} {rows}"\n')
    t.equal(world.plain("alice", password).code, 235)
    t.equal(world.plain("alice", wrong).code, 535)
    for user in ("broken", "odd", "dead"):
        t.equal(world.plain(user, password).code, 454, user)
    t.eventually(lambda: world.plain("alice", password).code == 235, "the program is back", 30)
    t.true(all(one["reason"] for one in world.daemon.events("auth.failed")), "the log says why")


@case(seconds=90)
def dovecot_decides(t):
    """Dovecot's auth socket; clients are put off while Dovecot is not there."""
    if dovecot.program() is None:
        t.skip("Dovecot is not installed")
    folder = t.path("auth-only")
    os.makedirs(folder)
    path = os.path.join(folder, "client")
    world = World(t, tables=f'table creds "dovecot:{path}"\n')
    t.equal(world.plain("alice", password).code, 454, "nobody there")
    server = DovecotAuth(t, folder, path)
    t.eventually(lambda: world.plain("alice", password).code == 235, "Dovecot says yes", 20)
    t.eventually(lambda: world.plain("alice", wrong).code == 535, "and no, on each core", 20)
    t.eventually(lambda: world.plain("bob", password).code == 535, "to strangers, too", 20)
    server.end()
    t.eventually(lambda: world.plain("alice", password).code == 454, "it has gone", 20)
    DovecotAuth(t, folder, path)
    t.eventually(lambda: world.plain("alice", password).code == 235, "and is back", 20)
    world.expect_no_secrets()


@case(seconds=120)
def system_users(t):
    """PAM's pam_unix against a user who exists in a mount namespace of the daemon's own only."""
    if os.getuid() != 0 or not t.has_program("ringpost-auth"):
        t.skip("only root can be asked for the passwords of others, by ringpost-auth")
    files = {name: t.path(name) for name in ("passwd", "shadow", "ringpost")}
    for name in ("passwd", "shadow"):
        shutil.copy(f"/etc/{name}", files[name])
    with open(files["passwd"], "a", encoding="utf-8") as file:
        file.write("ringtest:x:20077:20077::/nonexistent:/bin/false\n"
                   "ringgone:x:20078:20078::/nonexistent:/bin/false\n")
    hashed = crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512))
    with open(files["shadow"], "a", encoding="utf-8") as file:
        file.write(f"ringtest:{hashed}:19000:0:99999:7:::\nringgone:{hashed}:19000:0:99999:7::2:\n")
    with open(files["ringpost"], "w", encoding="ascii") as file:
        file.write("auth required pam_unix.so nodelay\naccount required pam_unix.so\n")
    os.makedirs(t.path("pam.d"))
    shutil.copy(files["ringpost"], t.path("pam.d", "ringpost"))
    keys = f"engine keys-user {account.name_of_unprivileged}\n"
    world = World(t, tables="", auth="auth", as_root=True, more=keys, wrapper=[
        "unshare", "-m", "sh", "-c",
        f"mount --bind {files['passwd']} /etc/passwd && mount --bind {files['shadow']} /etc/shadow"
        f" && mount --bind {t.path('pam.d')} /etc/pam.d && exec \"$@\"", "sh"])
    t.equal(world.plain("ringtest", password).code, 235)
    t.equal(world.plain("ringtest", wrong).code, 535)
    t.equal(world.plain("ringgone", password).code, 535, "an account that has expired")
    t.equal(world.plain("nosuchuser", password).code, 535)
    helper = [pid for pid in family(world.daemon.process.pid) if "ringpost-auth" in command_of(pid)]
    t.equal(len(helper), 1, "one process that speaks PAM")
    with open(f"/proc/{helper[0]}/maps", encoding="ascii") as file:
        t.true("android" not in file.read(), "no BoringSSL beside PAM's modules")
    os.kill(helper[0], signal.SIGKILL)
    t.eventually(lambda: world.plain("ringtest", password).code == 235, "it is started again", 20)
    world.expect_no_secrets()


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


class DovecotAuth:
    """A Dovecot that does nothing but authenticate, at a socket in `folder`."""

    def __init__(self, t, folder, path):
        ours = account.unprivileged()
        name = ours.name if ours else dovecot.owner_of_ourselves()[0]
        group = dovecot.group_name(ours.gid if ours else os.getgid())
        with open(os.path.join(folder, "users"), "w", encoding="ascii") as file:
            file.write(f"alice:{{SHA512-CRYPT}}{crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512))}\n")
        configuration = os.path.join(folder, "dovecot.conf")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"""\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols =
default_internal_user = {name}
default_internal_group = {group}
default_login_user = {name}
first_valid_uid = 1
ssl = no
stats_writer_socket_path =
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={name} gid={group} home={folder}
}}
service auth {{
  unix_listener {path} {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
""")
        os.makedirs(os.path.join(folder, "run"), exist_ok=True)
        account.give(ours, folder)
        self.process = subprocess.Popen([dovecot.program(), "-F", "-c", configuration],
                                        stdin=subprocess.DEVNULL, cwd=folder,
                                        **account.popen_arguments(ours))
        t.defer(self.end)

    def end(self):
        if self.process.poll() is not None:
            return
        helpers = family(self.process.pid)[1:]
        self.process.terminate()
        self.process.wait(20)
        # Its helper that knows the passwords serves whoever is connected for many seconds more.
        for pid in helpers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

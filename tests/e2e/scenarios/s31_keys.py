"""Private keys: who has them in memory, and what becomes of TLS when the process that has them dies."""
import os
import re
import signal
import ssl

from harness import account, certificates, smtp
from harness.case import case
from harness.daemon import free_port

hosts = {"ecdsa": "one.example.test", "rsa": "two.example.test"}


def start(t):
    """(daemon, authority): one listener with a key of each kind, started by root."""
    if os.getuid() != 0:
        t.skip("only root can look into the memory of others, and start the engine as somebody else")
    authority = certificates.Authority(t)
    lines = "".join(authority.pki(kind, [host], kind=kind) for kind, host in hosts.items())
    ours = account.unprivileged()
    daemon = t.daemon(users=("alice",), as_root=True, text=(
        "engine keys-user daemon\n" + lines + 'table users { "alice@example.test" = "alice" }\n'
        f'table base {{ "alice" = "{ours.uid}:{ours.gid}:{{mail}}/alice" }}\n'
        "listen on 127.0.0.1 port {port} hostname one.example.test tls pki ecdsa pki rsa\n"
        'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
        ' userbase <base>\nmatch tls from any for domain "example.test" action "local"\n'))
    os.chown(daemon.home_of("alice"), ours.uid, ours.gid)
    return daemon, authority


def connect(daemon, authority, host):
    context = ssl.create_default_context(cafile=authority.certificate)
    return smtp.Client("127.0.0.1", daemon.port).start_tls(context, server_name=host)


def submit(client, number):
    """The code of the last reply: 250 is a promise."""
    client.command("MAIL FROM:<bob@client.test>")
    client.command("RCPT TO:<alice@example.test>")
    client.command("DATA")
    return client.command(f"Subject: {number}\r\n\r\n{number}\r\n.").code


def secrets_of(path):
    """What must not be seen of a key: its private numbers in either order of octets, and its text."""
    text = certificates.openssl("pkey", "-in", path, "-noout", "-text")
    found = []
    for name in ("priv", "prime1", "prime2", "privateExponent"):
        for digits in re.findall(rf"^{name}:\n((?: +[0-9a-f:]+\n)+)", text, re.MULTILINE):
            number = bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")
            found += [number, number[::-1]]
    with open(path, "rb") as file:
        found.append(file.read().splitlines()[1])
    return found


def memory_of(pid):
    """Everything a process could change, and so could have read a key into."""
    parts = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            first, last = (int(end, 16) for end in place.split("-"))
            memory.seek(first)
            try:
                parts.append(memory.read(last - first))
            except OSError:
                continue  # what is mapped of a device
    return b"\0".join(parts)


@case(seconds=90)
def only_one_process_has_them(t):
    """No octet of a private key in the memory of engine and parent; the search finds them where they
    are."""
    daemon, authority = start(t)
    clients = [connect(daemon, authority, host) for host in hosts.values() for _ in range(5)]
    for number, client in enumerate(clients):
        t.equal(submit(client, number), 250)
    secrets = {kind: secrets_of(os.path.join(authority.folder, kind + ".key")) for kind in hosts}
    t.equal([len(found) for found in secrets.values()], [3, 7])
    keys = daemon.child_named("ringpost-keys")
    for name, pid in (("engine", daemon.engine_pid()), ("parent", daemon.process.pid)):
        memory = memory_of(pid)
        t.true(len(memory) > 100_000, f"memory of the {name}")
        for kind, found in secrets.items():
            t.equal([secret[:4] for secret in found if secret in memory], [], f"{kind} in the {name}")
    memory = memory_of(keys)
    for kind, found in secrets.items():
        t.true(any(secret in memory for secret in found), f"the search finds no {kind} key at all")
    t.note(f"{len(memory_of(daemon.engine_pid())) >> 20} MiB of the engine searched")


@case(seconds=90)
def killed_under_load(t):
    """SIGKILL to the key process: sessions go on, handshakes soon work again by both keys, and
    everything acknowledged arrives."""
    daemon, authority = start(t)
    standing = connect(daemon, authority, hosts["ecdsa"])
    acknowledged = 0
    for round_number in range(3):
        former = t.eventually(lambda: daemon.child_named("ringpost-keys"), "a key process")
        os.kill(former, signal.SIGKILL)
        for host in hosts.values():
            def handshake(host=host):
                try:
                    return connect(daemon, authority, host)
                except (OSError, AssertionError):
                    return None
            client = t.eventually(handshake, f"a handshake after kill {round_number}", 30)
            t.equal(submit(client, acknowledged), 250)
            acknowledged += 1
            client.close()
        t.equal(submit(standing, acknowledged), 250, "by a session that stood")
        acknowledged += 1
        t.true(daemon.child_named("ringpost-keys") != former, "a new process")
    daemon.wait_delivered(acknowledged, seconds=30)


@case()
def one_that_others_may_read(t):
    """A key that others may read is refused with its path and mode; nothing is started."""
    authority = certificates.Authority(t)
    certificate, key = authority.issue("open", ["one.example.test"])
    os.chmod(key, 0o644)
    path = t.path("smtpd.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'pki open cert "{certificate}"\npki open key "{key}"\n'
                   f"listen on 127.0.0.1 port {free_port()} tls pki open\n"
                   'action a relay host x.test\nmatch for any action a\n')
    done = t.run_daemon("-n", "-f", path)
    t.equal(done.returncode, 1)
    t.true(key in done.stderr and "644" in done.stderr, done.stderr)

"""`dkim` and `arc` lines: what a check, a start and a reload make of keys, and what the DNS shall hold."""
import os
import subprocess
import threading
import time

from harness import certificates
from harness.case import case

rsa = ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
ec = ("EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")


class Keys:
    """Files with keys that the daemon's account may read."""

    def __init__(self, t):
        from harness import account
        self.test, self.account, self.folder = t, account.unprivileged(), t.path("keys")
        self.give = lambda path: account.give(self.account, path)
        os.mkdir(self.folder)
        self.give(self.folder)

    def make(self, name, *algorithm, mode=0o600):
        path = os.path.join(self.folder, name)
        certificates.openssl("genpkey", "-algorithm", *(algorithm or ("ED25519",)), "-out", path)
        os.chmod(path, mode)
        self.give(path)
        return path


def lines(*signing):
    return ("listen on 127.0.0.1 port {port} dmarc none\n" + "\n".join(signing) +
            '\nmatch from any for domain "example.test" reject\n')


def verdict(t, text):
    """Exit status and words of `ringpostd -n`."""
    path = t.path("check.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("{port}", "2525"))
    os.chmod(path, 0o644)
    done = t.run_daemon("-n", "-f", path, "--home", t.path("none"))
    return done.returncode, done.stdout + done.stderr


@case()
def a_check_reads_the_keys(t):
    keys = Keys(t)
    good, large = keys.make("good"), keys.make("rsa", *rsa)
    wrong, open_to_all = keys.make("ec", *ec), keys.make("open", mode=0o644)
    code, said = verdict(t, lines(
        f'dkim domain a.test selector e key "{good}"', f'dkim domain a.test selector r key "{large}"',
        f'arc domain a.test selector e key "{good}"'))
    t.equal((code, "configuration OK" in said), (0, True), said)
    for path, words in ((wrong, "DKIM knows RSA and Ed25519 keys"), (open_to_all, "mode 0644"),
                        (keys.folder + "/none", "No such file")):
        for line in (f'dkim domain a.test selector s key "{path}"', f'arc domain a.test selector s key "{path}"'):
            code, said = verdict(t, lines(line))
            t.equal(code, 1, said)
            t.true("check.conf:2:" in said and path in said and words in said, said)


@case(seconds=90)
def a_reload_takes_a_new_selector(t):
    """A key that is not there is no reason to end; the line is told, and what was in use stays."""
    keys = Keys(t)
    first = f'dkim domain a.test selector one key "{keys.make("one")}"'
    daemon = t.daemon(users=(), text=lines(first))
    second = f'dkim domain a.test selector two key "{keys.folder}/two"'
    daemon.text = lines(first, second)
    daemon.write_configuration()
    failed = daemon.control("reload")
    t.true(failed.returncode != 0, "the reload was taken")
    t.true("two" in str(failed.stdout) + str(failed.stderr), failed)
    keys.make("two", *rsa)
    daemon.control_ok("reload")
    t.true(daemon.child_named("ringpost-keys") is not None, "nobody has the keys")


@case(seconds=120)
def a_table_of_ten_thousand(t):
    """Mail is taken while their keys are read anew."""
    keys = Keys(t)
    with open(keys.make("pattern", *rsa), encoding="ascii") as file:
        secret = file.read()
    names = [f"d{number}.test" for number in range(10_000)]
    for name in names:
        path = os.path.join(keys.folder, name)
        with open(path, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(secret)
        keys.give(path)
    table = t.path("domains")
    with open(table, "w", encoding="ascii") as file:
        file.write("\n".join(names) + "\n")
    os.chmod(table, 0o644)
    daemon = t.daemon(users=(), text=f'table hosted "{table}"\n' + lines(
        f'dkim domain <hosted> selector s key "{keys.folder}/%{{domain}}"'))
    with open(table, "a", encoding="ascii") as file:
        file.write("more.test\n")
    failed = daemon.control("update", "table", "hosted")
    t.true(failed.returncode != 0 and "more.test" in str(failed.stdout) + str(failed.stderr), failed)
    keys.make("more.test")
    began = time.monotonic()
    reload = threading.Thread(target=daemon.control_ok, args=("reload",))
    reload.start()
    slowest = 0.0
    with daemon.client() as client:
        while reload.is_alive():
            asked = time.monotonic()
            client.expect("NOOP", 250)
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.01)
    reload.join()
    t.note(f"reload of 10,001 keys {time.monotonic() - began:.1f} s, slowest reply meanwhile {slowest * 1000:.0f} ms")
    t.true(time.monotonic() - began < 30, "the reload took long")
    t.equal(len([one for one in daemon.events("config.loaded")]), 2)


@case()
def what_the_dns_shall_hold(t):
    keys = Keys(t)
    path = t.path("dns.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(lines(f'dkim domain {{ a.test, b.test }} selector s key "{keys.folder}/%{{domain}}"',
                         f'arc domain a.test selector seal key "{keys.make("seal", *rsa)}"').replace("{port}", "2525"))
    keys.make("a.test")

    def show(*domains):
        return subprocess.run([t.program("ringpostctl"), "dns", "print", *domains, "--config", path, "--address",
                               "192.0.2.1"], capture_output=True, text=True, timeout=20, check=False)

    said = show("a.test")
    t.equal(said.returncode, 0, said.stderr)
    t.true('s._domainkey.a.test. IN TXT "v=DKIM1; k=ed25519; p=' in said.stdout, said.stdout)
    t.true('seal._domainkey.a.test. IN TXT "v=DKIM1; k=rsa; p=' in said.stdout, said.stdout)
    t.true("_domainkey" not in show("c.test").stdout, "a key of nobody")
    missing = show("b.test")
    t.equal(missing.returncode, 2)
    t.true("b.test" in missing.stderr and "No such file" in missing.stderr, missing.stderr)

"""The server of docs/guide.md in a copy of the machine: its files, its programs, a DNS around it."""
import base64
import contextlib
import ctypes
import os
import re
import shutil
import subprocess

from harness import certificates, machine, nameserver
from harness.daemon import logfmt

source = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
domain, host, address = "example.org", "mail.example.org", "203.0.113.1"
selector = "20190913"
home = "/var/spool/ringpost"
password = "correct horse"
gateway, elsewhere = "203.0.113.254", ("192.0.2.0/24", "198.51.100.0/24")
needed = ("rspamd", "rspamc", "redis-server", "dovecot", "sievec", "nsd", "systemd-sysusers",
          "/usr/libexec/opensmtpd/filter-rspamd", "/usr/libexec/opensmtpd/filter-senderscore",
          "/usr/lib/dovecot/modules/lib95_imap_sieve_plugin.so")

# What is not of the guide: nothing is fetched, and greylisting does not take five minutes.
rspamd_of_the_test = {
    "greylist.conf": "timeout = 1s;\n",
    "fuzzy_check.conf": "enabled = false;\n",
    "rspamd_update.conf": "enabled = false;\n",
    "phishing.conf": "enabled = false;\n",
    "asn.conf": "enabled = false;\n",
}
clone_newnet = 0x40000000


def files_of_the_page():
    """{path: text} of the files that docs/guide.md shows: "`/path`:", and a block behind it."""
    with open(os.path.join(source, "docs", "guide.md"), encoding="utf-8") as file:
        page = file.read()
    found = {}
    for path, block in re.findall(r"^`(/[^`]+)`:\n\n((?:(?:    .*)?\n)+)", page, re.MULTILINE):
        lines = [line[4:] for line in block.rstrip("\n").split("\n")]
        found[path] = "\n".join(lines) + "\n"
    return found


def ip(pid, words, *more):
    """Run ip(8) in the network of a process."""
    done = subprocess.run(["nsenter", "--target", str(pid), "--net", "ip", *words.split(), *more],
                          capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise AssertionError(f"ip {words}: {done.stderr}")


class Guide:
    """The running server; its programs end with the case.

    zones    what the DNS knows besides the server itself: {zone: records}
    users    of the machine, all with `password`
    """

    def __init__(self, test, zones, users=("alice", "bob")):
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        for name in needed:
            if shutil.which(name, path=path) is None and not os.path.exists(name):
                test.skip(f"{os.path.basename(name)} is not installed (tools/setup test)")
        self.test = test
        self.machine = machine.Machine(test)
        self.logs = {}
        self.authority = certificates.Authority(test)
        self.make_network()
        self.make_users(users)
        self.write_files()
        self.start_nameserver(zones)
        self.start_rspamd()
        self.start_dovecot()
        self.start_ringpost()

    # The machine

    @contextlib.contextmanager
    def world(self):
        """Sockets and threads that are made in it are on the other side of the machine's cable."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", "rb") as ours, \
                open(f"/proc/{self.outside.pid}/ns/net", "rb") as outside:
            if libc.setns(outside.fileno(), clone_newnet) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                libc.setns(ours.fileno(), clone_newnet)

    def make_network(self):
        """A cable from the machine to another network, in which every address of `elsewhere` is."""
        self.outside = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.test.defer(self.outside.wait)
        self.test.defer(self.outside.kill)
        own = os.readlink("/proc/self/ns/net")
        self.test.eventually(lambda: os.readlink(f"/proc/{self.outside.pid}/ns/net") != own,
                             "another network")
        inside, outside = self.machine.first_pid(), self.outside.pid
        ip(inside, "link add world type veth peer name server netns", str(outside))
        ip(inside, f"address add {address}/24 dev world")
        ip(inside, "link set world up")
        ip(outside, f"address add {gateway}/24 dev server")
        ip(outside, "link set server up")
        ip(outside, "link set lo up")
        ip(inside, f"route add default via {gateway}")
        for network in elsewhere:
            ip(outside, f"route add local {network} dev lo")

    def make_users(self, users):
        for file in ("sysusers.conf", "tmpfiles.conf"):
            self.install(os.path.join(source, "tools/debian", file), "/tmp/" + file)
        self.machine.run("systemd-sysusers", "/tmp/sysusers.conf")
        self.machine.run("systemd-tmpfiles", "--create", "/tmp/tmpfiles.conf")
        self.install(os.path.join(source, "tools/debian/ringpost.pam"), "/etc/pam.d/ringpost")
        for user in users:
            self.machine.run("useradd", "--create-home", "--shell", "/bin/sh", user)
            self.machine.run("chpasswd", given=f"{user}:{password}\n")

    def write_files(self):
        for path, text in files_of_the_page().items():
            self.write(path, text)
        for name in ("train-ham.sh", "train-spam.sh"):
            os.chmod(self.machine.path("/usr/local/lib/dovecot/sieve/" + name), 0o755)
        for name in ("report-ham.sieve", "report-spam.sieve"):
            self.machine.run("sievec", "/usr/local/lib/dovecot/sieve/" + name)
        chain, key = self.authority.issue("mail", [host])
        self.install(chain, "/etc/ssl/mail.example.org.fullchain.pem")
        self.install(key, "/etc/ssl/private/mail.example.org.key", 0o600)
        # Debian's own settings name a pair that the package makes; a minimal machine lacks it.
        self.install(chain, "/etc/dovecot/private/dovecot.pem")
        self.install(key, "/etc/dovecot/private/dovecot.key", 0o600)
        for name, text in rspamd_of_the_test.items():
            self.write("/etc/rspamd/local.d/" + name, text)

    def write(self, path, text):
        place = self.machine.path(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if os.path.islink(place):
            os.unlink(place)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)

    def install(self, path, place, mode=0o644):
        place = self.machine.path(place)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copyfile(path, place)
        os.chown(place, 0, 0)
        os.chmod(place, mode)

    # The programs

    def start(self, name, *words):
        self.logs[name] = self.test.path(name + ".log")
        # The folder that nsenter leaves us in has no name in the copy; rspamd asks for it.
        return self.machine.start(["sh", "-c", 'cd / && exec "$@"', "sh", *words], self.logs[name])

    def log(self, name):
        with open(self.logs[name], encoding="utf-8", errors="replace") as file:
            return file.read()

    def file(self, path):
        try:
            with open(self.machine.path(path), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait(self, process, name, *words):
        """Until this command has success in the copy, while the process runs."""
        def answers():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended: {self.log(name)}")
            return subprocess.run(self.machine.command(words), capture_output=True, timeout=20,
                                  check=False).returncode == 0
        self.test.eventually(answers, f"{name} answers", 60)

    def start_nameserver(self, zones):
        """Port 53 of the copy; below the root there is nothing but these zones and our own."""
        zones = {".": [], **self.own_zones(), **zones}
        text = ('server:\n ip-address: 127.0.0.1\n username: ""\n chroot: ""\n database: ""\n'
                ' zonesdir: "/etc/nsd"\n pidfile: ""\n server-count: 1\n rrl-ratelimit: 0\n'
                ' xfrdfile: "/tmp/xfrd"\n zonelistfile: "/tmp/zones"\n xfrdir: "/tmp"\n'
                'remote-control:\n control-enable: no\n')
        for number, (name, records) in enumerate(zones.items()):
            self.write(f"/etc/nsd/{number}.zone", nameserver.head + "\n".join(records) + "\n")
            text += f'zone:\n name: "{name}"\n zonefile: "{number}.zone"\n'
        self.write("/etc/nsd/test.conf", text)
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        process = self.start("nsd", "nsd", "-d", "-c", "/etc/nsd/test.conf")
        self.wait(process, "nsd", "sh", "-c", f"getent ahostsv4 {host} >/dev/null")

    def own_zones(self):
        """The records that the page demands, with the key that its commands make."""
        self.machine.run("install", "-d", "-m", "750", "-g", "_rspamd", "/etc/mail/dkim")
        key = "/etc/mail/dkim/example.org.key"
        self.machine.run("openssl", "genrsa", "-out", key, "2048")
        self.machine.run("chgrp", "_rspamd", key)
        self.machine.run("chmod", "640", key)
        public = base64.b64encode(subprocess.run(
            ["openssl", "rsa", "-in", self.machine.path(key), "-pubout", "-outform", "DER"],
            capture_output=True, check=True, timeout=60).stdout).decode()
        self.record = "v=DKIM1; k=rsa; p=" + public
        strings = " ".join(f'"{self.record[at:at + 255]}"' for at in range(0, len(self.record), 255))
        return {domain: [f"mail A {address}", f"@ MX 0 {host}.", '@ TXT "v=spf1 mx -all"',
                         '_dmarc TXT "v=DMARC1; p=none"', f"{selector}._domainkey TXT {strings}"]}

    def start_rspamd(self):
        redis = self.start("redis", "setpriv", "--reuid=redis", "--regid=redis", "--clear-groups",
                           "redis-server", "--bind", "127.0.0.1", "--dir", "/tmp", "--save", "")
        self.wait(redis, "redis", "sh", "-c", "redis-cli ping | grep -q PONG")
        self.machine.run("install", "-d", "-o", "_rspamd", "/run/rspamd")
        rspamd = self.start("rspamd", "setpriv", "--reuid=_rspamd", "--regid=_rspamd",
                            "--clear-groups", "rspamd", "-c", "/etc/rspamd/rspamd.conf", "-f")
        self.wait(rspamd, "rspamd", "rspamc", "stat")
        self.test.defer(self.keep_log)
        self.wait(rspamd, "rspamd", "curl", "-sf", "http://127.0.0.1:11333/ping")

    def keep_log(self):
        """Of rspamd, which writes to a file that goes with the copy."""
        with open(self.test.path("rspamd.full.log"), "w", encoding="utf-8") as file:
            file.write(self.file("/var/log/rspamd/rspamd.log"))

    def start_dovecot(self):
        dovecot = self.start("dovecot", "dovecot", "-F", "-c", "/etc/dovecot/dovecot.conf")
        self.wait(dovecot, "dovecot", "doveadm", "who")

    def start_ringpost(self):
        for name in ("ringpostd", "ringpostctl", "ringpost-auth"):
            self.install(self.test.program(name), "/usr/sbin/" + name, 0o755)
        file = ("-f", "/etc/ringpost/smtpd.conf")
        self.check = self.machine.run("ringpostd", "-n", *file)
        daemon = self.start("ringpostd", "ringpostd", "-d", *file, "--home", home)
        self.wait(daemon, "ringpostd", *self.control("show", "stats"))

    def control(self, *words):
        return ("ringpostctl", "--home", home, *words)

    def events(self, name):
        """The events of one name in Ringpost's log, each a dictionary of its fields."""
        found = [logfmt(line) for line in self.log("ringpostd").splitlines()]
        return [fields for fields in found if fields.get("event") == name]

    def maildir(self, user="alice"):
        return self.machine.path(f"/home/{user}/Maildir")

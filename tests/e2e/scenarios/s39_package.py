"""The Debian package: built, installed, served from, removed and purged."""
import configparser
import glob
import os
import shlex
import shutil
import stat
import subprocess

from harness.case import case
from harness.certificates import Authority
from harness.machine import Machine

source = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
unit = "/lib/systemd/system/ringpostd.service"
message = "From: carol@client.test\nTo: alice\nSubject: Keys\n\nThey are with the baker.\n"


def build_packages(t):
    """Of the programs as they are; the paths of (ringpost, ringpost-load)."""
    if t.sanitized():
        t.skip("a build with a sanitizer is not packaged")
    for name in ("cpack", "dpkg-shlibdeps", "dpkg-deb", "strip"):
        if shutil.which(name) is None:
            t.skip(f"{name} is not installed (tools/setup package)")
    for name in ("ringpostd", "ringpostctl", "ringpost-auth", "ringpost-load"):
        t.program(name)
    folder = t.path("packages")
    subprocess.run([os.path.join(source, "tools/package"), "--build", t.build, folder], check=True,
                   stdout=subprocess.DEVNULL, timeout=100)
    return tuple(glob.glob(os.path.join(folder, name + "_*.deb"))[0]
                 for name in ("ringpost", "ringpost-load"))


def machine_with(t, packages):
    """A copy of the machine with the packages, on which nothing of the kind was before."""
    machine = Machine(t)
    machine.before = files_of(machine)
    installed = machine.run("dpkg-query", "--show", "--showformat",
                            "${db:Status-Status}, ${Package}, ${Provides}\n")
    for line in installed.splitlines():
        status, *names = line.split(", ")
        for name in ("ringpost", "mail-transport-agent"):
            if status != "not-installed" and name in names:
                t.skip(f"{names[0]} is installed here")
    for number, path in enumerate(packages):
        shutil.copy(path, machine.path(f"/tmp/{number}.deb"))
    machine.run("dpkg", "--install", *(f"/tmp/{number}.deb" for number in range(len(packages))))
    return machine


def unit_of(machine):
    """The [Service] of the unit; of a repeated name the last one counts, none matters here."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(machine.path(unit))
    return parser["Service"]


class Service:
    """The installed daemon, started as the unit says, as far as that needs no systemd."""

    def __init__(self, t, machine):
        self.test = t
        self.machine = machine
        self.log = t.path("ringpostd.log")
        self.unit = unit_of(machine)
        self.start()

    def start(self):
        machine = self.machine
        machine.run(*shlex.split(self.unit["ExecStartPre"]))
        kept = ",".join("+" + name.removeprefix("CAP_").lower()
                        for name in self.unit["CapabilityBoundingSet"].split())
        self.process = machine.start(
            ["setpriv", "--no-new-privs", "--bounding-set", "-all," + kept,
             *shlex.split(self.unit["ExecStart"])], self.log)
        self.test.eventually(self.serves, "the installed daemon serves: " + self.log_text(), 30)

    def serves(self):
        if self.process.poll() is not None:
            raise AssertionError("ringpostd ended: " + self.log_text())
        return "ringpost_" in self.machine.run("ringpostctl", "show", "stats", expected=None)

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def stop(self):
        self.machine.run("ringpostctl", "stop")
        self.test.equal(self.process.wait(30), 0, "exit status of ringpostd")


def account_of(machine, name):
    """(uid, gid) of an account of the copy."""
    fields = machine.run("getent", "passwd", name).split(":")
    return int(fields[2]), int(fields[3])


def expect_file(t, machine, path, mode, owner=(0, 0)):
    found = os.lstat(machine.path(path))
    t.equal(oct(stat.S_IMODE(found.st_mode)), oct(mode), f"mode of {path}")
    t.equal((found.st_uid, found.st_gid), owner, f"owner of {path}")


def files_of(machine):
    """What has our name, but for what manual pages leave in their cache."""
    return set(machine.run("find", "/etc", "/usr", "/lib/systemd", "/var", "/run",
                           "-ipath", "*ringpost*", "-not", "-path", "/usr/src/*",
                           "-not", "-path", "/var/cache/man/*").splitlines())


def expect_installed_files(t, machine):
    engine = account_of(machine, "_ringpost")
    keys = account_of(machine, "_ringkeys")
    t.true(engine[0] != keys[0] and 0 < engine[0] < 1000 and 0 < keys[0] < 1000,
           f"accounts of the system: {engine}, {keys}")
    for name in ("_ringpost", "_ringkeys"):
        t.true(machine.run("getent", "passwd", name).rstrip().endswith("/usr/sbin/nologin"),
               f"nobody logs in as {name}")
    for path in ("/usr/sbin/ringpostd", "/usr/sbin/ringpostctl", "/usr/sbin/ringpost-auth"):
        expect_file(t, machine, path, 0o755)
        libraries = machine.run("ldd", path)
        t.true("not found" not in libraries, f"libraries of {path}: {libraries}")
    for path in ("/etc/ringpost/smtpd.conf", "/etc/pam.d/ringpost", unit):
        expect_file(t, machine, path, 0o644)
    expect_file(t, machine, "/var/spool/ringpost", 0o711, engine)
    expect_file(t, machine, "/var/spool/ringpost/offline", 0o3733, engine)
    for name, section in (("ringpostd", "8"), ("ringpostctl", "8"), ("ringpost-auth", "8"),
                          ("sendmail", "8"), ("smtpd.conf", "5"), ("table", "5"), ("mailq", "1"),
                          ("ringpost-load", "1")):
        page = f"/usr/share/man/man{section}/{name}.{section}.gz"
        t.true("DESCRIPTION" in machine.run("man", "-l", page), f"{page} is a manual page")


@case(seconds=180)
def lintian(t):
    """Debian's own checker has nothing to say."""
    packages = build_packages(t)
    if shutil.which("lintian") is None:
        t.skip("lintian is not installed (tools/setup package)")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *packages],
                          capture_output=True, text=True, timeout=150, check=False)
    t.equal((done.returncode, done.stdout), (0, ""), "lintian")


@case(seconds=180)
def install_serve_purge(t):
    """The default configuration serves; a removal leaves it and the spool, a purge nothing."""
    machine = machine_with(t, build_packages(t))
    expect_installed_files(t, machine)
    if shutil.which("systemd-analyze"):
        t.equal(machine.run("systemd-analyze", "verify", unit), "", "what systemd says of the unit")
    machine.run("useradd", "--create-home", "alice")

    # Before the daemon has ever run: the folder for such mail is the package's.
    machine.run("setpriv", "--reuid", "alice", "--regid", "alice", "--clear-groups",
                "sendmail", "-f", "carol@client.test", "alice", given=message)
    service = Service(t, machine)
    expect_mail(t, machine, "alice", 1)
    machine.run("sendmail", "-f", "carol@client.test", "alice", given=message)
    machine.run("/usr/lib/sendmail", "-f", "carol@client.test", "postmaster", given=message)
    expect_mail(t, machine, "alice", 2)
    expect_mail(t, machine, "root", 1)
    t.true("ringpost_" in machine.run("ringpostctl", "show", "stats"), "ringpostctl show stats")
    machine.run("newaliases")
    expect_users_of_processes(t, machine, service)
    service.stop()

    with open(machine.path("/etc/ringpost/smtpd.conf"), "a", encoding="utf-8") as file:
        file.write("# ours\n")
    machine.run("dpkg", "--install", "/tmp/0.deb")
    with open(machine.path("/etc/ringpost/smtpd.conf"), encoding="utf-8") as file:
        t.true(file.read().endswith("# ours\n"), "a changed configuration outlives an upgrade")
    remove_and_purge(t, machine)


log_in = """
import smtplib, ssl, sys
client = smtplib.SMTP("127.0.0.1", 587, timeout=30)
client.starttls(context=ssl._create_unverified_context())
try:
    client.login("alice", sys.stdin.read())
    client.sendmail("alice@client.test", ["root@localhost"], "Subject: by PAM\\n\\nhello\\n")
    print("sent")
except smtplib.SMTPAuthenticationError as refused:
    print(refused.smtp_code)
"""


@case(seconds=120)
def users_of_the_system_log_in(t):
    """With one more listener, passwords of this machine's users count: PAM, as it is installed."""
    machine = machine_with(t, build_packages(t)[:1])
    machine.run("useradd", "--create-home", "alice")
    machine.run("chpasswd", given="alice:open sesame\n")
    pair = Authority(t).issue("mx", ["mx.example.test"])
    for path, name in zip(pair, ("cert.pem", "key.pem")):
        shutil.copy(path, machine.path(f"/etc/ringpost/{name}"))
    os.chmod(machine.path("/etc/ringpost/key.pem"), 0o600)
    with open(machine.path("/etc/ringpost/smtpd.conf"), "a", encoding="utf-8") as file:
        file.write('pki mx.example.test cert "/etc/ringpost/cert.pem"\n'
                   'pki mx.example.test key "/etc/ringpost/key.pem"\n'
                   "listen on 127.0.0.1 port submission tls-require pki mx.example.test auth\n")
    service = Service(t, machine)
    t.equal(machine.run("python3", "-c", log_in, given="open sesame").strip(), "sent", "log-in")
    t.equal(machine.run("python3", "-c", log_in, given="wrong").strip(), "535", "a wrong password")
    service.stop()


def expect_mail(t, machine, user, count):
    path = machine.path(f"/var/mail/{user}")

    def arrived():
        if not os.path.exists(path):
            return False
        with open(path, encoding="utf-8") as file:
            return file.read().count("They are with the baker.") == count
    t.eventually(arrived, f"{count} messages for {user}")


def expect_users_of_processes(t, machine, service):
    """The engine is the account of the package."""
    listed = machine.run("ps", "-e", "-o", "comm=,user:20=").splitlines()
    owners = {line.split()[0]: line.split()[1] for line in listed if "ringpost" in line}
    t.equal(owners.get("ringpost-engine"), "_ringpost", "user of the engine")
    t.equal(owners.get("ringpostd"), "root", "user of the parent")
    t.true(service.process.poll() is None, "the daemon runs")


def remove_and_purge(t, machine):
    machine.run("sendmail", "-f", "carol@client.test", "alice", given=message)  # waits offline
    said = machine.run("dpkg", "--remove", "ringpost")
    t.true("mail waits in /var/spool/ringpost" in said, f"a word on waiting mail: {said}")
    kept = ("/var/spool/ringpost/", "/var/lib/dpkg/", "/var/lib/systemd/", "/run/ringpost")
    left = [path for path in files_of(machine) - machine.before
            if not path.startswith(kept) and "ringpost-load" not in path]
    t.equal(sorted(left), ["/etc/pam.d/ringpost", "/etc/ringpost", "/etc/ringpost/smtpd.conf",
                           "/etc/systemd/system/multi-user.target.wants/ringpostd.service",
                           "/var/spool/ringpost"], "left by a removal")
    machine.run("dpkg", "--install", "/tmp/0.deb")
    t.true("They are with" in machine.run("sh", "-c", "cat /var/spool/ringpost/offline/*"),
           "mail that waited is there after a removal")
    service = Service(t, machine)
    machine.run("dpkg", "--purge", "ringpost", "ringpost-load")
    t.equal(service.process.wait(5), 0, "exit status of the daemon that ran during the purge")
    t.equal(files_of(machine) - machine.before, set(), "left by a purge")
    for name in ("_ringpost", "_ringkeys"):
        account_of(machine, name)  # stays: files elsewhere may be theirs

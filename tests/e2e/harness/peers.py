"""Other mail servers that relay: Debian's Postfix, Exim and OpenSMTPD, each in a world of its own.

They are unpacked, not installed, and run in a mount namespace in which they find the users and the
folders that their packages would have made; everything they write lies in the case's folder or in
memory. Each takes mail at `port` and sends all of it to one other server. Only for root.
"""
import os
import shutil
import signal
import subprocess

from harness import programs
from harness.daemon import free_port

users = {"postfix": 64101, "postdrop": 64102, "opensmtpd": 64103, "opensmtpq": 64104,
         "Debian-exim": 64105}


class Peer:
    """A running server. `port` is where it takes mail; ends with the case.

    pair        its certificate and key: it offers STARTTLS, asks for it at the server behind it, and
                writes down what it sees of sessions
    """

    def __init__(self, test, target_port, pair=None):
        if os.getuid() != 0:
            test.skip("other servers are started by root only")
        self.test = test
        self.port = free_port()
        self.target_port = target_port
        self.pair = pair
        self.folder = test.path(type(self).__name__.lower())
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        self.log = os.path.join(self.folder, "log")
        if pair is not None:
            self.pair = [self.copy(path) for path in pair]
        command, environment = self.prepare()
        self.process = self.spawn(command, environment)
        test.defer(self.stop)
        test.eventually(self.greets, f"{type(self).__name__} greets: {self.log}", 20)

    def prepare(self):
        """Write the configuration; the command that serves in the foreground, and its environment."""
        raise NotImplementedError

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def copy(self, path):
        """Of a key that only root, or the server, may read; its new path."""
        copied = self.path(os.path.basename(path))
        shutil.copyfile(path, copied)
        os.chmod(copied, 0o640)
        os.chown(copied, 0, users["Debian-exim"] if isinstance(self, Exim) else 0)
        return copied

    def spawn(self, command, environment):
        for name, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"),
                           ("group", "{0}:x:{1}:\n")):
            with open("/etc/" + name, encoding="utf-8") as file:
                known = [entry for entry in file if entry.partition(":")[0] not in users]
            self.write(name, "".join(known) + "".join(line.format(*one) for one in users.items()))
        self.write("resolv.conf", "lookup file\nnameserver 127.0.0.1\n")
        world = self.write("world", f"""set -e
for file in passwd group resolv.conf; do mount --bind "{self.folder}/$file" "/etc/$file"; done
for folder in /var/lib /var/spool /run; do mount -t tmpfs none "$folder"; done
mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty
chmod 711 /var/spool/smtpd
exec "$@"
""")
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                ["unshare", "--mount", "sh", world, *command], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**os.environ, **environment}, start_new_session=True)

    def greets(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise AssertionError(f"{type(self).__name__} ended: {log.read()}")
        from harness import smtp
        try:
            with smtp.Client("127.0.0.1", self.port, timeout=5) as client:
                client.quit()
            return True
        except OSError:
            return False

    def stop(self):
        """Ends the session that was made for it, and with it whatever it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                continue


class Postfix(Peer):
    folders = {"active": 0o700, "bounce": 0o700, "corrupt": 0o700, "defer": 0o700,
               "deferred": 0o700, "flush": 0o700, "hold": 0o700, "incoming": 0o700,
               "private": 0o700, "saved": 0o700, "trace": 0o700, "public": 0o710,
               "maildrop": 0o730, "pid": 0o755}

    def prepare(self):
        root = programs.unpacked(self.test, "postfix", "usr/sbin/postfix")
        libraries = os.path.join(root, "usr/lib/postfix")
        daemons = os.path.join(libraries, "sbin")
        programs.need_libraries(self.test, os.path.join(daemons, "smtpd"), libraries)
        owner, drop = users["postfix"], users["postdrop"]
        for name, mode in self.folders.items():
            path = self.path("spool", name)
            os.makedirs(path)
            os.chmod(path, mode)
            os.chown(path, 0 if name == "pid" else owner,
                     drop if name in ("public", "maildrop") else -1)
        os.makedirs(self.path("data"))
        os.chown(self.path("data"), owner, owner)
        os.makedirs(self.path("etc"))
        self.write("etc/dynamicmaps.cf", "")
        self.write("etc/master.cf", master_of_postfix(root, self.port))
        self.write("etc/main.cf", f"""compatibility_level = 3.6
queue_directory = {self.folder}/spool
data_directory = {self.folder}/data
command_directory = {root}/usr/sbin
daemon_directory = {daemons}
shlib_directory = {libraries}
meta_directory = {self.folder}/etc
import_environment = MAIL_CONFIG LD_LIBRARY_PATH TZ LANG=C
maillog_file_prefixes = {self.folder}
maillog_file = {self.folder}/maillog
myhostname = postfix.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_header_rewrite_clients =
relayhost = [127.0.0.1]:{self.target_port}
{self.tls_settings()}""")
        return ([os.path.join(daemons, "master"), "-d", "-c", self.path("etc")],
                {"LD_LIBRARY_PATH": libraries, "MAIL_CONFIG": self.path("etc")})


    def tls_settings(self):
        if self.pair is None:
            return ""
        return f"""smtpd_tls_security_level = may
smtpd_tls_chain_files = {self.pair[1]}, {self.pair[0]}
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtp_tls_security_level = encrypt
smtp_tls_loglevel = 1
smtp_tls_session_cache_database = btree:{self.folder}/data/smtp_scache
smtp_connection_cache_on_demand = no
"""


def master_of_postfix(root, port):
    """Debian's master.cf with nothing in a chroot, and the server on our port."""
    lines = []
    with open(os.path.join(root, "usr/share/postfix/master.cf.dist"), encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if line[:1] in ("#", " ") or len(fields) < 8:
                continue
            fields[4] = "n"
            if fields[:2] == ["smtp", "inet"]:
                fields[0] = f"127.0.0.1:{port}"
            lines.append(" ".join(fields))
    if not any(line.startswith("postlog ") for line in lines):
        lines.append("postlog unix-dgram n - n - 1 postlogd")
    return "\n".join(lines) + "\n"


class Exim(Peer):
    def prepare(self):
        program = os.path.join(
            programs.unpacked(self.test, "exim4-daemon-light", "usr/sbin/exim4"), "usr/sbin/exim4")
        programs.need_libraries(self.test, program)
        for name in ("spool", "logs"):
            os.makedirs(self.path(name))
            os.chown(self.path(name), users["Debian-exim"], users["Debian-exim"])
        path = self.write("exim.conf", f"""primary_hostname = exim.test
exim_path = {program}
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/logs/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.port}
pid_file_path = {self.folder}/pid
notifier_socket =
keep_environment =
tls_advertise_hosts = {"*" if self.pair else ""}
{self.tls_settings()}dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
accept_8bitmime = true
rfc1413_query_timeout = 0s
smtp_accept_queue_per_connection = 0
dkim_verify_signers =
acl_smtp_rcpt = all
begin acl
all:
  accept
begin routers
on:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = {self.target_port}
  allow_localhost
  hosts_try_fastopen =
{self.transport_settings()}begin retry
* * F,2h,1m
""")
        return [program, "-bdf", "-q1m", "-C", path], {}


    def tls_settings(self):
        if self.pair is None:
            return ""
        return f"""tls_certificate = {self.pair[0]}
tls_privatekey = {self.pair[1]}
tls_resumption_hosts = *
log_selector = +tls_resumption +tls_cipher
"""

    def transport_settings(self):
        if self.pair is None:
            return ""
        return """  hosts_require_tls = *
  tls_verify_certificates =
  tls_resumption_hosts = *
  connection_max_messages = 1
"""


class OpenSMTPD(Peer):
    def prepare(self):
        root = programs.unpacked(self.test, "opensmtpd", "usr/sbin/smtpd")
        program = os.path.join(root, "usr/sbin/smtpd")
        programs.need_libraries(self.test, program)
        pki = listen = tls = ""
        if self.pair is not None:
            pki = f'pki us cert "{self.pair[0]}"\npki us key "{self.pair[1]}"\n'
            listen = " tls pki us"
            tls = " tls no-verify"
        path = self.write("smtpd.conf", f"""{pki}listen on 127.0.0.1 port {self.port}{listen} hostname opensmtpd.test
action "out" relay host smtp{"+tls" if tls else ""}://127.0.0.1:{self.target_port}{tls}
match from any for any action "out"
""")
        return [program, "-d", "-f", path], {}

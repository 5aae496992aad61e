"""One ringpostd under test: its home, configuration, port, log and Maildirs."""
import json
import os
import re
import signal
import socket
import subprocess
import time

from harness import account, maildir, smtp

start_seconds_max = 20.0
log_settled_seconds = 0.1  # gathering in the daemon takes 5 ms
stop_seconds_max = 30.0
port_attempts_max = 5
nowhere = "127.0.0.1:9"  # as a name server: a port that refuses

default_match = 'match from any for domain "example.test" action "local"'


def free_port():
    """A port that nobody listened on a moment ago. Somebody may take it: the caller retries."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """Starts, stops, kills and asks one daemon. Ends by pid only what it started itself.

    users       local users with a Maildir each, all reachable as USER@example.test
    directives  lines put before the tables: limits and other settings
    virtual     more entries of the virtual table, {address: value}
    rules       the lines from `action` on; default: one Maildir action and one match
    text        the whole configuration; {port}, {home}, {mail} and {owner} are replaced
    home, mail  where to put what the daemon writes, and the Maildirs; default: the case's folder
    wrapper     words before the command: what becomes the daemon, in a namespace of its own
    as_root     started by root as root: it makes an engine that is not, and agents that are others
    """

    def __init__(self, test, name, users=("alice", "bob"), directives=(), virtual=None,
                 rules=None, text=None, home=None, mail=None, arguments=(), environment=None,
                 as_root=False, wrapper=()):
        self.test = test
        self.name = name
        self.home = home or test.path(name)
        self.mail = mail or test.path(name + ".mail")
        self.log_path = test.path(name + ".log")
        self.configuration_path = test.path(name + ".conf")
        self.users = list(users)
        self.directives = list(directives)
        self.virtual = dict(virtual or {})
        self.rules = rules
        self.text = text
        self.arguments = list(arguments)
        self.environment = environment
        self.port = None
        self.process = None
        self.as_root = as_root
        self.wrapper = list(wrapper)
        self.account = None if as_root else account.unprivileged()
        os.makedirs(self.home, exist_ok=True)
        os.makedirs(self.mail, exist_ok=True)
        for user in self.users:
            os.makedirs(self.home_of(user), exist_ok=True)
        for folder in (self.home, self.mail):
            account.give(self.account, folder)

    # Configuration

    def home_of(self, user):
        return os.path.join(self.mail, user)

    def maildir_of(self, user):
        return os.path.join(self.home_of(user), "Maildir")

    def owner(self):
        """Whom the Maildirs belong to, as a table of users has it: the daemon's own account."""
        if self.account is not None:
            return f"{self.account.uid}:{self.account.gid}"
        return f"{os.getuid()}:{os.getgid()}"

    def engine_user(self):
        """The first line of the configuration of a daemon that root starts."""
        return f"engine user {account.name_of_unprivileged}\n" if self.as_root else ""

    def configuration(self):
        if self.text is not None:
            return (self.engine_user() + self.text.replace("{port}", str(self.port))
                    .replace("{home}", self.home).replace("{mail}", self.mail)
                    .replace("{owner}", self.owner()))
        addresses = {f"{user}@example.test": user for user in self.users}
        addresses.update(self.virtual)
        base = {user: f"{self.owner()}:{self.home_of(user)}" for user in self.users}
        rules = self.rules or [
            f'action "local" maildir "{self.mail}/%{{user.username}}/Maildir"'
            ' virtual <users> userbase <base>', default_match]
        return self.engine_user() + "\n".join([
            *self.directives,
            f"table users {inline(addresses)}",
            f"table base {inline(base)}",
            f"listen on 127.0.0.1 port {self.port} hostname mx.example.test",
            *rules, ""])

    def write_configuration(self):
        with open(self.configuration_path, "w", encoding="utf-8") as file:
            file.write(self.configuration())

    # Life

    def start(self, expect_failure=False):
        """Start and wait until the listener greets; another port is tried when one is taken."""
        for _ in range(port_attempts_max):
            self.port = self.port or free_port()
            self.write_configuration()
            self.spawn()
            if self.wait_ready():
                return self
            code = self.process.wait()
            self.process = None
            if expect_failure:
                return code
            if "in use" not in self.log_tail(30):
                raise AssertionError(f"{self.name}: did not start, exit status {code}\n"
                                     + self.log_tail(30))
            self.port = None
        raise AssertionError("no free port found")

    def spawn(self):
        program = account.reachable_program(self.account, self.test.program("ringpostd"),
                                            self.test.directory)
        command = [*self.wrapper, program, "-d", "--home", self.home,
                   "-f", self.configuration_path, *self.arguments]
        if "resolver " not in self.configuration():  # no case asks the machine's name servers
            command += ["-R", nowhere]
        environment = dict(os.environ)
        if os.getuid() != 0:  # who is not root cannot ask how much memory a hidden process has
            environment["RINGPOST_CORES"] = "1"
        environment.update(self.environment or {})
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment, cwd=self.test.directory,
                                            **account.popen_arguments(self.account))

    def wait_ready(self):
        deadline = time.monotonic() + start_seconds_max
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                    if probe.recv(3) == b"220":
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{self.name}: not ready within {start_seconds_max:g} s\n"
                             + self.log_tail(30))

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=stop_seconds_max):
        """The exit status once the daemon has ended by itself."""
        code = self.process.wait(seconds)
        self.process = None
        return code

    def stop(self):
        """SIGTERM; a clean stop has exit status 0."""
        self.terminate()
        code = self.wait()
        if code != 0:
            raise AssertionError(f"{self.name}: exit status {code} after SIGTERM\n"
                                 + self.log_tail(30))

    def kill(self):
        """SIGKILL to the parent, which takes all of it along: a power cut to the daemon's memory."""
        ours = children(self.process.pid)  # none yet, perhaps: it may have begun a moment ago
        self.process.kill()
        self.process.wait()
        self.process = None
        self.test.eventually(lambda: not any(is_alive(pid) for pid in ours), "all die with the parent")

    def engine_pid(self):
        """The process that serves; `process` is its parent, which only supervises."""
        return self.child_named("ringpost-engine") or children(self.process.pid)[0]

    def child_named(self, name):
        """A process of the parent's by its name, "ringpost-keys" for one; None: there is none."""
        for pid in children(self.process.pid):
            try:
                with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                    if file.read().strip() == name:
                        return pid
            except OSError:
                continue
        return None

    def end(self):
        """Stop it whatever the case left; a daemon that died by itself is a failure."""
        if self.process is None:
            return
        code = self.process.poll()
        if code is not None:
            self.process = None
            raise AssertionError(f"ended by itself with status {code}")
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {stop_seconds_max:g} s") from None

    def running(self):
        return self.process is not None and self.process.poll() is None

    # Questions

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def log_tail(self, lines):
        return "\n".join(self.log().splitlines()[-lines:])

    def events(self, name):
        """The log's events of one name, each a dictionary of its fields."""
        if not self.test.waiting:
            self._let_the_log_settle()
        wanted = []
        for line in self.log().splitlines():
            fields = logfmt(line)
            if fields.get("event") == name:
                wanted.append(fields)
        return wanted

    def _let_the_log_settle(self):
        """A thread of its own writes the log: what a client has seen may be written a moment later."""
        seen, since = None, time.monotonic()
        deadline = since + 2.0
        while self.running() and time.monotonic() < min(deadline, since + log_settled_seconds):
            length = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
            if length != seen:
                seen, since = length, time.monotonic()
            time.sleep(0.01)

    def control(self, *arguments, json_output=False):
        """Run ringpostctl for this home; returns the finished process."""
        command = [self.test.program("ringpostctl"), "--home", self.home]
        command += ["--json"] if json_output else []
        return subprocess.run([*command, *arguments], capture_output=True, timeout=30,
                              check=False, cwd=self.test.directory)

    def control_ok(self, *arguments):
        """The standard output of a command that must succeed."""
        done = self.control(*arguments)
        if done.returncode != 0:
            raise AssertionError(f"ringpostctl {' '.join(arguments)}: status {done.returncode}: "
                                 + done.stderr.decode(errors="replace"))
        return done.stdout

    def rows(self, *arguments):
        """The objects that a `show` or `spool ls` prints with --json, one a line."""
        done = self.control(*arguments, json_output=True)
        if done.returncode != 0:
            raise AssertionError(f"ringpostctl --json {' '.join(arguments)}: status "
                                 f"{done.returncode}: " + done.stderr.decode(errors="replace"))
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def queue(self):
        return self.rows("show", "queue")

    def statistics(self):
        """All figures by name; one of several with a name is NAME{LABEL}."""
        return {row["name"] + (f"{{{row['label']}}}" if row["label"] else ""): row["value"]
                for row in self.rows("show", "stats")}

    def open_sessions(self):
        """How many sessions are open, by the daemon's own gauge."""
        return next(value for name, value in self.statistics().items()
                    if name.startswith("ringpost_limit_used") and '"connections"' in name)

    def wait_no_session(self, seconds=15.0):
        self.test.eventually(lambda: self.open_sessions() == 0, "all sessions are closed", seconds)

    def wait_queue_empty(self, seconds=30.0):
        self.test.eventually(lambda: not self.queue(), "the queue is empty", seconds)

    def client(self, **options):
        return smtp.Client("127.0.0.1", self.port, **options)

    def delivered(self, user="alice"):
        return maildir.read(self.maildir_of(user))

    def wait_delivered(self, count, user="alice", seconds=15.0):
        """All messages of a user once there are at least count of them."""
        path = self.maildir_of(user)
        self.test.eventually(lambda: maildir.count(path) >= count,
                             f"{count} messages for {user} (there: {maildir.count(path)})", seconds)
        return maildir.read(path)

    def memory(self):
        """Proportional set size in bytes of the daemon and its children."""
        return sum(proportional_set_size(pid) for pid in family(self.process.pid))


def is_alive(pid):
    """False for a process that has gone or waits to be reaped, by whoever has inherited it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def inline(entries):
    """A mapping as an inline table."""
    return "{ " + ", ".join(f'"{key}" = "{value}"' for key, value in entries.items()) + " }"


def children(pid):
    """The children of a process, of each of its threads the oldest first."""
    found = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return found
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
        except FileNotFoundError:
            continue
    return found


def family(pid):
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        found += children(parent)
    return found


def proportional_set_size(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


field = re.compile(r'([A-Za-z0-9_.]+)=("(?:[^"\\]|\\.)*"|\S*)')


def logfmt(line):
    """One log line as a dictionary; quotes are removed, escapes are left."""
    return {name: value[1:-1] if value.startswith('"') else value
            for name, value in field.findall(line)}

"""Under a service manager: what it is told, and the sockets it passes. By a stand-in for systemd."""
import os
import signal
import socket
import subprocess
import time

from harness import account
from harness.case import case
from harness.daemon import Daemon


class Manager:
    """Takes what sd_notify(3) sends."""

    def __init__(self, t):
        self.path = t.path("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(20)
        self.words = []

    def next(self):
        for line in self.socket.recv(4096).decode().splitlines():
            self.words.append(line)
        return self.words

    def wait(self, word):
        while word not in self.words:
            self.next()

    def count(self, word, seconds):
        """How often it is said in that time."""
        before = self.words.count(word)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            try:
                self.next()
            except TimeoutError:
                break
        self.socket.settimeout(20)
        return self.words.count(word) - before


@case()
def what_the_service_manager_hears(t):
    """Ready when it serves, alive while its cores turn, stopping when it does."""
    manager = Manager(t)
    daemon = t.daemon(environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "600000"})
    manager.wait("READY=1")
    t.true(manager.count("WATCHDOG=1", 2) >= 4, "it is alive")
    engine = daemon.engine_pid()
    os.kill(engine, signal.SIGSTOP)
    manager.count("WATCHDOG=1", 0.5)
    t.equal(manager.count("WATCHDOG=1", 1.5), 0, "words of an engine that hangs")
    os.kill(engine, signal.SIGCONT)
    manager.wait("WATCHDOG=1")
    daemon.terminate()
    manager.wait("STOPPING=1")
    t.equal(daemon.wait(), 0, "exit status")


@case()
def sockets_that_are_passed(t):
    """A listening socket of the service manager's is served, and clients that came early wait."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=16)
    daemon = Daemon(t, "home0")
    t.daemons.append(daemon)
    daemon.port = listening.getsockname()[1]
    daemon.write_configuration()
    early = socket.create_connection(("127.0.0.1", daemon.port), timeout=20)
    program = account.reachable_program(daemon.account, t.program("ringpostd"), t.directory)
    file = listening.fileno()
    script = f'exec 3<&{file}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
    with open(daemon.log_path, "ab") as log:
        daemon.process = subprocess.Popen(
            ["sh", "-c", script, "sh", program, "-d", "--home", daemon.home,
             "-f", daemon.configuration_path, "-R", "127.0.0.1:1"],
            pass_fds=[file], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=t.directory, **account.popen_arguments(daemon.account))
    listening.close()
    with early:
        t.equal(early.recv(3), b"220", "greeting of the client that came early")
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as client:
        t.equal(client.recv(3), b"220", "greeting")
    daemon.stop()

"""DNS servers on loopback: Debian's nsd with zones of a case, and ports that never answer."""
import os
import shutil
import socket
import subprocess
import threading
import time

head = """$TTL 300
@ SOA ns.example.test. admin.example.test. 1 3600 600 86400 60
@ NS ns.example.test.
"""


def find_nsd():
    return shutil.which("nsd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def free_port():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(("127.0.0.1", 0))
            port = datagrams.getsockname()[1]
            with socket.socket() as stream:
                try:
                    stream.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue


class Nsd:
    """A real authoritative server. `zones` maps a zone's name to the records behind its head."""

    def __init__(self, test, zones):
        program = find_nsd()
        if program is None:
            test.skip("nsd is not installed (tools/setup test)")
        self.test = test
        self.port = free_port()
        self.folder = test.path(f"nsd{self.port}")
        os.makedirs(self.folder)
        text = (f'server:\n ip-address: 127.0.0.1@{self.port}\n username: ""\n chroot: ""\n'
                f' zonesdir: "{self.folder}"\n database: ""\n pidfile: ""\n server-count: 1\n'
                f' xfrdfile: "{self.folder}/xfrd"\n zonelistfile: "{self.folder}/zones"\n'
                f' xfrdir: "{self.folder}"\n rrl-ratelimit: 0\n'  # by default 200 answers a second
                'remote-control:\n control-enable: no\n')
        for name, records in zones.items():
            with open(os.path.join(self.folder, name + ".zone"), "w", encoding="ascii") as file:
                file.write(head + "\n".join(records) + "\n")
            text += f'zone:\n name: "{name}"\n zonefile: "{name}.zone"\n'
        self.configuration = os.path.join(self.folder, "nsd.conf")
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(text)
        self.program = program
        self.process = None
        self.start()
        test.defer(self.stop)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([self.program, "-d", "-c", self.configuration],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.test.eventually(self.answers, "nsd answers")

    def answers(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
                raise AssertionError("nsd ended: " + log.read())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            probe.connect(("127.0.0.1", self.port))
            try:
                probe.send(b"\0\1\0\0\0\1\0\0\0\0\0\0\0\0\2\0\1")  # the root's name servers
                return probe.recv(512)[:2] == b"\0\1"
            except OSError:
                time.sleep(0.02)
                return False

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Silent:
    """A port that takes questions and never answers; `questions()` says how many came."""

    def __init__(self, test):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self._count = 0
        test.defer(self.socket.close)

    def questions(self):
        try:
            while self.socket.recv(4096):
                self._count += 1
        except BlockingIOError:
            pass
        return self._count


class Losing:
    """A name server in front of another one: it loses every question about names with a label."""

    def __init__(self, test, server, label):
        self.server = server
        self.label = bytes([len(label)]) + label.encode("ascii")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.lost = 0
        test.defer(self.socket.close)
        for _ in range(4):
            threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
            onward.settimeout(2)
            onward.connect(("127.0.0.1", self.server.port))
            while True:
                try:
                    question, client = self.socket.recvfrom(4096)
                    if self.label in question.lower():
                        self.lost += 1
                        continue
                    onward.send(question)
                    while (answer := onward.recv(4096))[:2] != question[:2]:
                        continue
                    self.socket.sendto(answer, client)
                except TimeoutError:
                    continue
                except OSError:
                    return

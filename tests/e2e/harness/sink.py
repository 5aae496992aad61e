"""`ringpost-load sink` as a process of a case: many pretended servers, and a ledger of what came."""
import collections
import glob
import json
import os
import random
import signal
import subprocess

from harness.daemon import free_port


class Sink:
    """Listens until the case ends. `listen` are arguments such as 127.1.0.1-127.1.3.255:25.

    rules    the lines of its script
    options  more arguments
    ledger   where it writes what came: given again, a later sink goes on with the same
    """

    def __init__(self, test, *listen, rules=(), options=(), ledger=None):
        self.test = test
        number = len(glob.glob(test.path("sink*.rules")))
        self.listen = listen or (f"127.0.0.1:{free_port()}",)
        self.ledger = ledger or test.path(f"sink{number}.ledger")
        self.output_path = test.path(f"sink{number}.out")
        self.script = test.path(f"sink{number}.rules")
        with open(self.script, "w", encoding="ascii") as file:
            file.write("".join(rule + "\n" for rule in rules))
        self.options = list(options)
        self.process = None
        test.defer(self.kill)
        self.start()

    @property
    def address(self):
        return self.listen[0]

    def start(self):
        host, _, port = self.address.rpartition(":")
        command = [self.test.program("ringpost-load"), "sink", "--json", "--script", self.script,
                   "--ledger", self.ledger, *self.options, *self.listen]
        with open(self.output_path, "ab") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output)
        self.test.eventually(lambda: self.listens(host.partition("-")[0], int(port)),
                             "the sink listens")

    def listens(self, host, port):
        """By the kernel's list of sockets: a connection would be counted."""
        if self.process.poll() is not None:
            raise AssertionError(f"the sink ended: {self.output()[-500:]}")
        octets = bytes(int(part) for part in host.split("."))
        wanted = f"{octets[::-1].hex().upper()}:{port:04X}"
        with open("/proc/net/tcp", encoding="ascii") as file:
            return any(line.split()[1] == wanted and line.split()[3] == "0A"
                       for line in list(file)[1:])

    def output(self):
        with open(self.output_path, encoding="utf-8") as file:
            return file.read()

    def counts(self):
        """What it counted so far."""
        before = self.output().count("\n")
        self.process.send_signal(signal.SIGUSR1)
        self.test.eventually(lambda: self.output().count("\n") > before, "counts of the sink")
        return json.loads(self.output().splitlines()[-1])

    def stop(self):
        """End it in order; what it counted in all."""
        self.process.terminate()
        self.process.wait(20)
        self.process = None
        return json.loads(self.output().splitlines()[-1])

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def arrived(self):
        """How often each message came for each recipient: {(id, recipient): count}."""
        if not os.path.exists(self.ledger):
            return collections.Counter()
        with open(self.ledger, encoding="utf-8") as file:
            return collections.Counter(tuple(line.split()) for line in file)


def network(test):
    """The first two octets of addresses that no other run on this machine is likely to use."""
    if os.getuid() != 0:
        test.skip("only root can listen on port 25")
    return f"127.{random.randint(16, 250)}"

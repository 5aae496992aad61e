"""A load of numbered messages with a ledger of those that the server acknowledged.

The ledger is kept by the client, outside of the daemon that gets killed: what stands in it was
answered with 250 and must therefore be delivered, whatever happened to the daemon afterwards.
"""
import collections
import random
import re
import threading

from harness import maildir, messages, smtp

number_field = re.compile(rb"^X-Ledger: (\S+)\r\n", re.MULTILINE)


class Load:
    """Threads that send messages until they are told to stop or the server is gone."""

    def __init__(self, daemon, name, threads=6, sizes=(600, 4096, 40_000), users=("alice",),
                 port=None):
        self.daemon = daemon
        self.name = name
        self.sizes = sizes
        self.users = users
        self.acknowledged = {}
        self.refused = collections.Counter()
        self.broken = 0  # connections
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._port = port or daemon.port
        self._threads = [threading.Thread(target=self._run, args=(index,), daemon=True)
                         for index in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        """Let each thread finish its message; returns how many were acknowledged."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)
        return len(self.acknowledged)

    def _run(self, index):
        rng = random.Random(f"{self.name} {index}")
        sequence = 0
        while not self._stopping.is_set():
            try:
                with smtp.Client("127.0.0.1", self._port, timeout=15) as client:
                    client.hello()
                    for _ in range(20):
                        if self._stopping.is_set():
                            return
                        sequence += 1
                        self._send(client, rng, f"{self.name}-{index}-{sequence}")
            except (OSError, smtp.Closed, AssertionError):
                with self._lock:
                    self.broken += 1
                if self._stopping.wait(0.02):
                    return

    def _send(self, client, rng, key):
        content = messages.simple(key, rng.choice(self.sizes), [f"X-Ledger: {key}"])
        recipient = rng.choice(self.users) + "@example.test"
        mode = rng.choice(("data-pipelined", "bdat-pipelined", "data"))
        reply = client.transaction(content, mode, recipients=(recipient,))
        with self._lock:
            if reply.code == 250:
                self.acknowledged[key] = hash(content)
            else:
                self.refused[reply.code] += 1


def account(test, daemon, acknowledged, users=("alice",), servers=1):
    """Every acknowledged message is delivered, whole. Returns how many copies are surplus.

    `servers` is how many left a Received field, the delivering one included.
    """
    copies = collections.Counter()
    for user in users:
        for message in daemon.delivered(user):
            content = message.content
            for _ in range(servers - 1):
                content = maildir.take_field(content, b"Received", message.path)[1]
            found = number_field.search(content)
            if not found:
                raise AssertionError(f"malformed: {message.path}")
            key = found.group(1).decode("ascii")
            copies[key] += 1
            if key in acknowledged and hash(content) != acknowledged[key]:
                raise AssertionError(f"{message.path}: not what was sent as {key}")
            if not content.endswith(b"\r\n"):
                raise AssertionError(f"{message.path}: cut short")
    missing = sorted(key for key in acknowledged if key not in copies)
    if missing:
        raise AssertionError(f"{len(missing)} of {len(acknowledged)} acknowledged messages are "
                             f"lost: {', '.join(missing[:10])}")
    unconfirmed = sum(1 for key in copies if key not in acknowledged)
    surplus = sum(copies.values()) - len(copies)
    test.note(f"{len(acknowledged)} acknowledged, 0 lost, {surplus} duplicates, "
              f"{unconfirmed} delivered without a 250")
    return surplus

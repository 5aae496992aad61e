"""Thousands of open sessions cost little memory and slow nobody down."""
import socket
import statistics
import time

from harness import messages, smtp
from harness.case import case

octets_per_session_max = 4096
addresses = [f"127.0.1.{number}" for number in range(1, 11)]


def open_sessions(daemon, count):
    """Open sessions that have said EHLO, spread over client addresses."""
    sockets = []
    for number in range(count):
        connection = socket.socket()
        connection.settimeout(30)
        connection.bind((addresses[number % len(addresses)], 0))
        connection.connect(("127.0.0.1", daemon.port))
        sockets.append(connection)
        if number % 200 == 199:
            greet(sockets[-200:])
    greet(sockets[count - count % 200:])
    return sockets


def greet(sockets):
    for connection in sockets:
        if not connection.recv(512).startswith(b"220"):
            raise AssertionError("no greeting")
        connection.sendall(b"EHLO idle.client.test\r\n")
    for connection in sockets:
        answer = b""
        while b"\r\n250 " not in answer:
            more = connection.recv(4096)
            if not more:
                raise AssertionError(f"closed after {answer!r}")
            answer += more


def use_receive_buffers(daemon):
    """Let every shared receive buffer be used once, so that sessions are not charged for them."""
    for _ in range(16):
        with daemon.client() as client:
            for _ in range(400):
                client.expect("NOOP", 250)


def latency(daemon, count=300):
    """Median and 99th percentile of one message on a session of its own, in seconds."""
    times = []
    content = messages.simple(1, 4096)
    with daemon.client() as client:
        client.hello()
        for number in range(count):
            started = time.monotonic()
            smtp.check(client.transaction(content, "data-pipelined"), 250, "2.0.0")
            times.append(time.monotonic() - started)
            if number % 90 == 89:
                client.close()
                client.__init__("127.0.0.1", daemon.port)
                client.hello()
    return statistics.median(times), sorted(times)[int(len(times) * 0.99)]


def idle(t, count):
    if t.sanitized():
        t.skip("a sanitizer's memory is not the daemon's")
    daemon = t.daemon(directives=[f"smtp limit max-connections {count + 300}",
                                  f"smtp limit max-connections-per-address {count + 300}",
                                  "smtp limit idle-timeout 10m"])
    before_median, before_p99 = latency(daemon)
    warm = open_sessions(daemon, 100)
    use_receive_buffers(daemon)
    memory_before = daemon.memory()
    sockets = open_sessions(daemon, count)
    each = (daemon.memory() - memory_before) / count
    median, p99 = latency(daemon)
    t.note(f"{each:.0f} octets per session; a message: median {before_median * 1e3:.2f} -> "
           f"{median * 1e3:.2f} ms, p99 {before_p99 * 1e3:.2f} -> {p99 * 1e3:.2f} ms")
    t.true(each <= octets_per_session_max, f"{each:.0f} octets per idle session")
    t.true(median < 3 * before_median + 0.002, "the latency of another session")
    for connection in sockets[:: max(1, count // 100)]:
        connection.sendall(b"NOOP\r\n")
        t.true(connection.recv(100).startswith(b"250"), "an idle session still answers")
    for connection in sockets + warm:
        connection.close()
    daemon.wait_no_session(20)


@case(seconds=90)
def thousand_sessions(t):
    idle(t, 1000)


@case(long_only=True, seconds=180)
def ten_thousand_sessions(t):
    if not can_open(t, 10_000):
        t.skip("fewer than 10,200 descriptors can be open here")
    idle(t, 10_000)


def can_open(_t, count):
    import resource
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= count + 200

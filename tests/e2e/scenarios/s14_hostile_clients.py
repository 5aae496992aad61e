"""Clients that are slow, vanish or break the connection: nothing half sent is ever delivered."""
import os
import random
import socket
import threading
import time

from harness import ledger, messages, smtp
from harness.case import case


def half_sent(daemon, octets=5000, mode="data"):
    """A client in the middle of its message."""
    client = daemon.client()
    client.hello()
    client.envelope()
    content = messages.simple("half", octets)
    if mode == "data":
        client.expect("DATA", 354)
        client.send(content[:len(content) // 2])
    else:
        client.send(b"BDAT %d LAST\r\n" % len(content) + content[:len(content) // 2])
    return client


def nothing_of_it(t, daemon):
    daemon.wait_no_session()
    t.equal(daemon.queue(), [], "queue")
    t.equal(daemon.delivered(), [], "delivered")
    with daemon.client() as client:
        client.hello()
        smtp.check(client.transaction(messages.simple(1)), 250, "2.0.0")
    t.equal([m.content for m in daemon.wait_delivered(1)], [messages.simple(1)])


@case()
def vanishes_in_its_message(t):
    """FIN in the middle of DATA and BDAT, of small and large contents."""
    daemon = t.daemon()
    for octets in (100, 5000, 300_000):
        for mode in ("data", "bdat"):
            half_sent(daemon, octets, mode).close()
    nothing_of_it(t, daemon)


@case()
def resets_in_its_message(t):
    """RST in the middle of DATA and BDAT."""
    daemon = t.daemon()
    for octets in (100, 5000, 300_000):
        for mode in ("data", "bdat"):
            half_sent(daemon, octets, mode).reset()
    nothing_of_it(t, daemon)


@case()
def vanishes_before_the_reply(t):
    """Content complete, connection gone before the 250: the message is ours or was never."""
    daemon = t.daemon()
    for number in range(50):
        client = daemon.client()
        client.hello()
        client.envelope()
        client.expect("DATA", 354)
        client.send(smtp.stuffed(messages.simple(number)))
        client.reset() if number % 2 else client.close()
    daemon.wait_no_session()
    daemon.wait_queue_empty()
    contents = [message.content for message in daemon.delivered()]
    t.equal(len(contents), len(set(contents)), "each at most once")
    t.true(set(contents) <= {messages.simple(number) for number in range(50)}, "each whole")
    t.note(f"{len(contents)} of 50 were taken")


@case()
def never_reads_replies(t):
    """A client that sends commands for ever and reads nothing is held by TCP, not by memory."""
    daemon = t.daemon(directives=["smtp limit max-errors 1000"])
    before = daemon.memory()
    client = daemon.client(timeout=2, receive_octets=4096)
    sent = 0
    try:
        while sent < 64 << 20:
            client.socket.sendall(b"HELP\r\n" * 1000)
            sent += 6000
    except (TimeoutError, OSError):
        pass
    t.note(f"{sent} octets went out; the daemon grew by {daemon.memory() - before}")
    t.true(t.sanitized() or daemon.memory() - before < 8 << 20, "bounded memory")
    with daemon.client() as other:
        other.hello()
        smtp.check(other.transaction(messages.simple(1)), 250, "2.0.0")
    client.reset()


@case(seconds=120)
def many_never_read_replies(t):
    """Clients that read nothing could hold all receive buffers of a core: others are served still."""
    # Each may hold 4 of the core's 1,024, and has millions of octets of replies made for it first,
    # which takes a sanitized daemon long.
    count = 270 if t.sanitized() else 400
    daemon = t.daemon(directives=["engine cores 1",
                                  "smtp limit max-connections-per-address 1000"])
    # Replies that fill the socket buffers on the way first: HELP is answered at length.
    flood = b"HELP\r\n" * 50_000
    clients = []
    for _ in range(count):
        client = daemon.client(receive_octets=4096)
        client.hello()
        client.socket.setblocking(False)
        clients.append([client, flood])

    def push():
        for entry in clients:
            try:
                entry[1] = entry[1][entry[0].socket.send(entry[1]):]
            except (BlockingIOError, ConnectionError):
                pass

    most = 0
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        push()
        used = daemon.statistics()['ringpost_limit_used{limit="receive_buffers"}']
        most = max(most, used)
        time.sleep(0.1)
    figures = daemon.statistics()
    set_aside = figures['ringpost_limit_used{limit="set_aside_octets"}']
    cut_off = figures['ringpost_session_closed_total{reason="memory"}']
    t.note(f"{most} buffers held at once, {used} at the end; {cut_off} cut off, "
           f"{set_aside} octets set aside")
    t.true(most > 900, f"the clients took the buffers: {most}")
    t.true(set_aside <= 8 << 20, "bounded")
    started = time.monotonic()
    with daemon.client() as other:
        other.hello()
        for number in range(20):
            smtp.check(other.transaction(messages.simple(number, 100_000)), 250, "2.0.0")
    t.true(time.monotonic() - started < 10, "another client is served")
    for client, _ in clients:
        client.reset()
    daemon.wait_no_session()
    t.equal(daemon.statistics()['ringpost_limit_used{limit="set_aside_octets"}'], 0)


@case()
def half_open(t):
    """A client that shuts its sending side after QUIT or after its message still gets replies."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
        client.send(b"".join(smtp.envelope_lines()) + b"DATA\r\n")
        client.send(smtp.stuffed(messages.simple(1)) + b"QUIT\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        for code in (250, 250, 354, 250, 221):
            client.expect_reply(code)
    t.equal(len(daemon.wait_delivered(1)), 1)


@case(seconds=90)
def slow_clients_do_not_slow_others(t):
    """A hundred clients that drip an octet now and then, beside one that is quick."""
    daemon = t.daemon()
    stop = threading.Event()

    def drip():
        with daemon.client() as client:
            client.hello()
            client.envelope()
            client.expect("DATA", 354)
            while not stop.wait(0.05):
                client.send(b"x")

    threads = [threading.Thread(target=drip, daemon=True) for _ in range(100)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    started = time.monotonic()
    with daemon.client() as client:
        client.hello()
        for number in range(90):
            smtp.check(client.transaction(messages.simple(number), "data-pipelined"), 250)
    seconds = time.monotonic() - started
    stop.set()
    for thread in threads:
        thread.join(10)
    t.note(f"{seconds / 90 * 1e3:.2f} ms a message")
    t.true(seconds < 9, "90 messages in less than 9 s")
    t.equal(len(daemon.wait_delivered(90)), 90)


@case(seconds=90)
def garbage(t):
    """Random octets in every stage: the daemon lives, and accepts nothing it should not."""
    daemon = t.daemon(directives=["smtp limit max-connections-per-address 1000"])
    rng = random.Random(5)
    for number in range(100):
        with daemon.client() as client:
            try:
                if number % 3:
                    client.hello()
                if number % 3 == 2:
                    client.envelope()
                    client.expect("DATA", 354)
                client.send(rng.randbytes(rng.choice((10, 1000, 60_000))))
            except (OSError, smtp.Closed):
                pass
    t.true(daemon.running(), "alive")
    nothing_of_it(t, daemon)


def sockets_of(daemon):
    """How many sockets but those to name servers the daemon has open. Those, and its segment files,
    come and go by themselves."""
    process = f"/proc/{daemon.engine_pid()}"
    datagram_sockets = set()
    for table in ("udp", "udp6"):
        with open(f"{process}/net/{table}", encoding="ascii") as file:
            datagram_sockets.update(f"socket:[{line.split()[9]}]" for line in file)
    count = 0
    for name in os.listdir(f"{process}/fd"):
        try:
            target = os.readlink(f"{process}/fd/{name}")
        except FileNotFoundError:
            continue  # closed since the listing
        count += target.startswith("socket:") and target not in datagram_sockets
    return count


@case(seconds=90)
def connections_come_and_go(t):
    """Thousands of short connections leave nothing open behind them."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
    daemon.wait_no_session()
    before = sockets_of(daemon)
    for number in range(3000):
        client = socket.create_connection(("127.0.0.1", daemon.port), timeout=10)
        if number % 3 == 0:
            client.recv(100)
        client.close()
    daemon.wait_no_session()
    t.eventually(lambda: sockets_of(daemon) <= before, "sockets are given back")
    load = ledger.Load(daemon, "after")
    time.sleep(0.5)
    load.stop()
    daemon.wait_queue_empty()
    ledger.account(t, daemon, load.acknowledged)

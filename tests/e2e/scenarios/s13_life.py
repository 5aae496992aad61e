"""Start, stop, drain; one home has one daemon; the program links what it may."""
import os
import shutil
import signal
import subprocess
import time

from harness import messages, smtp
from harness.case import case
from harness.daemon import free_port
from harness.volume import Volume


@case()
def terminate_drains(t):
    """After SIGTERM no new session starts, an idle one gets 421, a running message is finished."""
    daemon = t.daemon()
    busy, idle = daemon.client(), daemon.client()
    busy.hello()
    idle.hello()
    busy.envelope()
    busy.expect("DATA", 354)
    busy.send(b"Subject: half sent\r\n\r\n")
    daemon.terminate()
    idle.expect_reply(421, "4.3.2")
    t.true(idle.at_end(), "closed after the 421")
    busy.send(b"the other half\r\n.\r\n")
    reply = busy.reply()
    t.true(reply.code in (250, 421), repr(reply))
    t.equal(daemon.wait(), 0, "exit status")
    if reply.code == 250:
        daemon.start()
        t.equal([m.content for m in daemon.wait_delivered(1)],
                [b"Subject: half sent\r\n\r\nthe other half\r\n"])
    t.note(f"the message in flight got {reply.code}")


@case()
def terminate_does_not_wait_for_ever(t):
    """A client that says nothing cannot hold the daemon back."""
    daemon = t.daemon()
    clients = [daemon.client() for _ in range(20)]
    for client in clients[:10]:
        client.hello()
        client.envelope()
        client.expect("DATA", 354)
    started = time.monotonic()
    daemon.terminate()
    t.equal(daemon.wait(), 0, "exit status")
    t.note(f"{time.monotonic() - started:.1f} s with 10 messages half sent")


@case(seconds=120)
def terminate_does_not_wait_for_a_file_system_that_hangs(t):
    """The Maildirs' file system is frozen: the daemon gives up, says so, and loses nothing."""
    volume = Volume(t, t.path("volume"), 32 << 20)
    daemon = t.daemon(mail=volume.path)
    subprocess.run(["fsfreeze", "--freeze", volume.path], check=True)
    frozen = True
    try:
        with daemon.client() as client:
            client.hello()
            queue_id = client.transaction(messages.simple(1)).queue_id
        t.eventually(lambda: daemon.rows("show", "queue")[0]["state"] == "active", "under way")
        daemon.terminate()
        # A hung request holds even the end of the process in the kernel: what counts is that it has
        # no more to do.
        t.eventually(lambda: daemon.events("daemon.given-up"), "gives up", 45)
        t.equal([event["id"] for event in daemon.events("attempt.hung")], [queue_id])
        t.equal(daemon.events("daemon.stopped"), [])
        subprocess.run(["fsfreeze", "--unfreeze", volume.path], check=True)
        frozen = False
    finally:
        if frozen:
            subprocess.run(["fsfreeze", "--unfreeze", volume.path], check=True)
    t.equal(daemon.wait(), 75, "exit status")
    daemon.start()
    t.equal([m.queue_id for m in daemon.wait_delivered(1)], [queue_id])
    daemon.wait_queue_empty()
    t.equal(len(daemon.delivered()), 1, "delivered once")


@case()
def stop_under_load_loses_nothing(t):
    """SIGTERM under load, several times: what was acknowledged is delivered, once each."""
    from harness import ledger
    daemon = t.daemon()
    acknowledged = {}
    for number in range(4):
        load = ledger.Load(daemon, f"stop{number}")
        time.sleep(0.5)
        daemon.stop()
        load.stop()
        acknowledged.update(load.acknowledged)
        daemon.start()
    daemon.wait_queue_empty(60)
    surplus = ledger.account(t, daemon, acknowledged)
    t.equal(surplus, 0, "duplicates without any crash")


@case()
def one_daemon_for_one_home(t):
    """A second start on a running home is refused, and the first one does not notice."""
    daemon = t.daemon()
    other = t.path("other.conf")
    with open(other, "w", encoding="utf-8") as file:
        file.write(daemon.configuration().replace(f"port {daemon.port}", f"port {free_port()}"))
    done = t.run_daemon("-d", "--home", daemon.home, "-f", other)
    t.true(done.returncode not in (0, -6, -11), f"status {done.returncode}")
    t.true(done.stderr, "says why")
    with daemon.client() as client:
        client.hello()
        smtp.check(client.transaction(messages.simple(1)), 250, "2.0.0")
    t.equal(len(daemon.wait_delivered(1)), 1)
    t.equal(daemon.queue(), [])


@case()
def port_taken(t):
    """A port that somebody listens on is an error at the start, with the address in it."""
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        daemon = t.daemon()
        path = t.path("taken.conf")
        port = taken.getsockname()[1]
        with open(path, "w", encoding="utf-8") as file:
            file.write(daemon.configuration().replace(f"port {daemon.port}", f"port {port}"))
        os.mkdir(t.path("second"))
        os.chmod(t.path("second"), 0o777)
        done = t.run_daemon("-d", "--home", t.path("second"), "-f", path)
        t.true(done.returncode not in (0, -6, -11), f"status {done.returncode}")
        t.true(str(port) in done.stderr, done.stderr)


@case()
def everything_below_home(t):
    """All that the daemon writes lies under its home and in the Maildirs."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
        smtp.check(client.transaction(messages.simple(1)), 250, "2.0.0")
    daemon.wait_delivered(1)
    for name in ("spool", "run"):
        t.true(os.path.isdir(os.path.join(daemon.home, name)), name)
    for descriptor in os.listdir(f"/proc/{daemon.engine_pid()}/fd"):
        try:
            target = os.readlink(f"/proc/{daemon.engine_pid()}/fd/{descriptor}")
        except FileNotFoundError:
            continue
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            t.true(target.startswith(t.directory), f"open file {target}")


@case()
def home_from_the_environment(t):
    """RINGPOST_HOME does what --home does."""
    daemon = t.daemon()
    done = subprocess.run([t.program("ringpostctl"), "show", "stats"], capture_output=True,
                          timeout=20, check=False,
                          env=dict(os.environ, RINGPOST_HOME=daemon.home))
    t.equal(done.returncode, 0, done.stderr)


@case()
def hang_up_is_survived(t):
    """SIGHUP and SIGPIPE end nothing."""
    daemon = t.daemon()
    for number in (signal.SIGHUP, signal.SIGPIPE):
        daemon.process.send_signal(number)
        time.sleep(0.1)
        t.true(daemon.running(), f"alive after {number.name}")
    with daemon.client() as client:
        client.hello()


@case()
def libraries(t):
    """No OpenSSL comes into the process beside BoringSSL; no library is missing."""
    if not shutil.which("ldd"):
        t.skip("ldd is not installed")
    for name in ("ringpostd", "ringpostctl", "ringpost-load"):
        if not t.has_program(name):
            continue
        done = subprocess.run(["ldd", t.program(name)], capture_output=True, text=True,
                              timeout=20, check=True)
        for unwanted in ("libssl.so.3", "libcrypto.so.3", "not found"):
            t.true(unwanted not in done.stdout, f"{name}: {unwanted} in\n{done.stdout}")

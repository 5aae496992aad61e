"""SIGKILL to each process of the daemon under load: what happens then, and what is not lost."""
import os
import signal
import socket
import subprocess
import time

from harness import ledger
from harness.case import case
from harness.daemon import family, free_port, is_alive
from harness.mail import send

first_uid = 20001  # of users that no system knows


def start(t):
    """As root with mailboxes of others, so that agents are at work; else as ourselves."""
    if os.getuid() != 0:
        return t.daemon(users=("alice", "bob"))
    base = ", ".join(f'"{name}" = "{first_uid + n}:{first_uid + n}:{{mail}}/{name}"'
                     for n, name in enumerate(("alice", "bob")))
    text = f"""\
table users {{ "alice@example.test" = "alice", "bob@example.test" = "bob" }}
table base {{ {base} }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir virtual <users> userbase <base>
match from any for domain "example.test" action "local"
"""
    daemon = t.daemon(users=("alice", "bob"), text=text, as_root=True)
    for number, name in enumerate(("alice", "bob")):
        os.chown(daemon.home_of(name), first_uid + number, first_uid + number)
        os.chmod(daemon.home_of(name), 0o700)
    return daemon


def settle(t, daemon, load):
    load.stop()
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, load.acknowledged, ("alice", "bob"))


@case(seconds=120)
def the_engine(t):
    """Another one takes its place and its sockets: nobody is refused meanwhile."""
    daemon = start(t)
    load = ledger.Load(daemon, "engine", users=("alice", "bob"))
    refused = 0
    waited = []
    for _ in range(3):
        time.sleep(0.5)
        engine = daemon.engine_pid()
        os.kill(engine, signal.SIGKILL)
        began = time.monotonic()
        while True:  # until somebody greets again
            try:
                with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as client:
                    if client.recv(3) == b"220":
                        break
            except ConnectionRefusedError:
                refused += 1
            except OSError:
                pass  # one that the dead engine had accepted, or was about to
        waited.append(time.monotonic() - began)
        t.eventually(lambda old=engine: daemon.child_named("ringpost-engine") not in (None, old),
                     "another engine")
    t.equal(refused, 0, "connections refused")
    settle(t, daemon, load)
    stats = daemon.control_ok("show", "stats")
    t.true(b"ringpost_process_engine_restarts_total" in stats, "the restarts are counted")
    t.note("greeted again after " + ", ".join(f"{one:.1f} s" for one in waited))


@case()
def a_mistake_in_the_configuration(t):
    """An engine that crashes while somebody edits the file is made anew with what was in use; a
    reload says what is wrong, and takes what is right again."""
    daemon = start(t)
    sound = daemon.configuration()
    with open(daemon.configuration_path, "w", encoding="utf-8") as file:
        file.write("nonsense\n")
    for _ in range(2):
        time.sleep(0.5)  # it greets a moment before it says that it serves
        engine = daemon.engine_pid()
        os.kill(engine, signal.SIGKILL)
        t.eventually(lambda old=engine: daemon.child_named("ringpost-engine") not in (None, old),
                     "another engine")
        send(daemon, 1, "alice@example.test")
    t.true("goes on with the one that was in use before" in daemon.log(), "it is said")
    t.true("nonsense" in daemon.log(), "the mistake is shown")
    t.true(daemon.control("reload").returncode != 0, "a reload of nonsense")
    with open(daemon.configuration_path, "w", encoding="utf-8") as file:
        file.write(sound)
    daemon.control_ok("reload")
    send(daemon, 1, "alice@example.test")
    daemon.wait_delivered(3)


@case(seconds=120)
def agents(t):
    """What an agent was at is delivered by another one."""
    if os.getuid() != 0:
        t.skip("only root has agents of others")
    daemon = start(t)
    load = ledger.Load(daemon, "agents", users=("alice", "bob"))
    killed = 0
    end = time.monotonic() + 3
    while time.monotonic() < end:
        agent = daemon.child_named("ringpost-agent")
        if agent is not None:
            os.kill(agent, signal.SIGKILL)
            killed += 1
        time.sleep(0.05)
    t.true(killed > 5, f"only {killed} agents were killed")
    load.stop()
    daemon.control_ok("schedule", "all")
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, load.acknowledged, ("alice", "bob"))
    t.note(f"{killed} agents killed")


@case(seconds=120)
def the_parent(t):
    """All of it ends with it, and the next daemon has everything."""
    daemon = start(t)
    load = ledger.Load(daemon, "parent", users=("alice", "bob"))
    time.sleep(1)
    everybody = family(daemon.process.pid)
    daemon.kill()
    t.eventually(lambda: not any(is_alive(pid) for pid in everybody), "no process stays")
    load.stop()
    daemon.start()
    daemon.wait_queue_empty(60)
    ledger.account(t, daemon, load.acknowledged, ("alice", "bob"))


@case()
def unix_sockets(t):
    """Who connects to the sockets of the run folder while there is no engine waits, too; one whose
    file somebody has removed is made anew."""
    daemon = start(t)
    path = os.path.join(daemon.home, "run", "smtp.sock")

    def kill_engine():
        time.sleep(0.5)  # it greets a moment before it says that it serves
        seen = daemon.log().count("it is made anew")
        os.kill(daemon.engine_pid(), signal.SIGKILL)
        t.eventually(lambda: daemon.log().count("it is made anew") > seen, "the parent knows")

    for is_removed in (False, True):
        kill_engine()
        if is_removed:
            os.unlink(path)
        daemon.control_ok("show", "stats")
        t.eventually(lambda: os.path.exists(path), "the socket")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(path)
            t.equal(client.recv(3), b"220", "greeting")
    kill_engine()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(path)
        t.equal(client.recv(3), b"220", "greeting of a client that came between")


@case()
def a_reload_that_fails_midway(t):
    """A port that another has leaves nothing behind of those before it: neither engine nor parent
    keep them."""
    daemon = start(t)
    first = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        lines = "".join(f"listen on 127.0.0.1 port {port}\n"
                        for port in (first, taken.getsockname()[1]))
        sound = daemon.configuration()
        with open(daemon.configuration_path, "w", encoding="utf-8") as file:
            file.write(sound.replace("action", lines + "action", 1))
        done = daemon.control("reload")
        t.true(done.returncode != 0 and b"in use" in done.stderr, done.stderr)
        with socket.create_server(("127.0.0.1", first)):
            pass
    daemon.control_ok("reload")
    socket.create_connection(("127.0.0.1", first), timeout=5).close()


@case(seconds=60)
def what_is_gone_for_a_while(t):
    """An engine made anew that cannot open a table is tried again until it can."""
    rows = t.path("rows")
    with open(rows, "w", encoding="utf-8") as file:
        file.write("alice@example.test\talice\n")
    table = t.path("users.mdb")
    subprocess.run([t.program("ringpostctl"), "makemap", "-o", table, rows], check=True)
    os.chmod(table, 0o644)
    daemon = t.daemon(users=("alice",), text=(
        f'table users lmdb:{table}\ntable base {{ "alice" = "{{owner}}:{{mail}}/alice" }}\n'
        'listen on 127.0.0.1 port {port} hostname mx.example.test\n'
        'action "local" maildir "{mail}/%{user.username}/Maildir" virtual <users>'
        ' userbase <base>\nmatch from any for domain "example.test" action "local"\n'))
    send(daemon, 1, "alice@example.test")
    time.sleep(0.5)
    os.rename(table, table + ".away")
    engine = daemon.engine_pid()
    os.kill(engine, signal.SIGKILL)
    t.eventually(lambda: daemon.log().count("it is made anew") >= 2, "one that could not start", 30)
    os.rename(table + ".away", table)
    t.eventually(lambda: daemon.events("daemon.started")[1:], "one that could", 30)
    send(daemon, 1, "alice@example.test")
    daemon.wait_delivered(2)


@case()
def a_stop_while_there_is_no_engine(t):
    """Between a crash and the next engine SIGTERM ends the daemon at once, and in order."""
    daemon = start(t)
    send(daemon, 1, "alice@example.test")
    engine = daemon.engine_pid()
    os.kill(engine, signal.SIGKILL)
    t.eventually(lambda: "it is made anew" in daemon.log(), "the parent knows")
    daemon.terminate()
    t.equal(daemon.wait(5), 0, "exit status")


@case()
def stopping_closes_the_ports(t):
    """The parent's copies of the sockets do not keep clients waiting for an engine that drains."""
    daemon = start(t)
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=5) as client:
        client.recv(100)
        daemon.terminate()

        def is_refused():
            try:
                socket.create_connection(("127.0.0.1", daemon.port), timeout=5).close()
            except ConnectionRefusedError:
                return True
            return False
        t.eventually(is_refused, "new connections are refused", 5)
    t.equal(daemon.wait(), 0, "exit status")

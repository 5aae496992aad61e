"""What each process of a daemon that root started is, and what it can no longer do."""
import os
import resource
import shutil
import signal
import subprocess
import time

from harness import account
from harness.case import case
from harness.daemon import children, family
from harness.mail import send

first_uid = 20001  # of a user that no system knows
# CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_MODULE, CAP_NET_ADMIN, CAP_SYS_RAWIO
forbidden_to_all = sum(1 << number for number in (21, 19, 16, 12, 17))
# A delivery that lasts, so that its agent can be looked at.
configuration = f"""\
table users {{ "alice@example.test" = "alice" }}
table base {{ "alice" = "{first_uid}:{first_uid}:/" }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "slow" mda "cat >/dev/null; sleep 5" virtual <users> userbase <base>
match from any for domain "example.test" action "slow"
"""


def fields_of(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def name_of(pid):
    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
        return file.read().strip()


def open_files(pid):
    """What the descriptors of a process lead to."""
    folder = f"/proc/{pid}/fd"
    return [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]


def expect_no_capability(t, status, what):
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        t.equal(int(status[name], 16), 0, f"{name} of {what}")
    t.equal(status["NoNewPrivs"], "1", f"no_new_privs of {what}")


def start(t):
    if os.getuid() != 0:
        t.skip("only root can start the engine as somebody else")
    return t.daemon(users=("alice",), text=configuration, as_root=True)


@case()
def every_process_by_proc(t):
    """User, capabilities, filter of system calls and open files of each, from /proc."""
    daemon = start(t)
    ours = account.unprivileged()
    send(daemon, 1, "alice@example.test")
    agent = t.eventually(lambda: daemon.child_named("ringpost-agent"), "an agent at work")
    parent = daemon.process.pid
    engine = daemon.engine_pid()

    t.equal(fields_of(f"/proc/{parent}/status")["Uid"].split()[0], "0", "user of the parent")
    t.equal(fields_of(f"/proc/{parent}/status")["Threads"], "1", "threads of the parent")
    status = fields_of(f"/proc/{parent}/status")
    t.equal(status["NoNewPrivs"], "1", "no_new_privs of the parent")
    for name in ("CapEff", "CapBnd"):
        t.equal(int(status[name], 16) & forbidden_to_all, 0, f"{name} of the parent")
    if not t.sanitized():
        t.equal(status["Seccomp"], "2", "filter of system calls of the parent")
    files = [path for path in open_files(parent) if path.startswith("/")]
    allowed = {"/dev/null", daemon.log_path}
    kept = "/memfd:ringpost-configuration (deleted)"  # what the next engine would fall back to
    t.true(set(files) <= {*allowed, kept}, f"the parent has files open: {files}")

    for task in os.listdir(f"/proc/{engine}/task"):
        status = fields_of(f"/proc/{engine}/task/{task}/status")
        what = f"thread {status['Name']} of the engine"
        t.equal(status["Uid"], "\t".join([str(ours.uid)] * 4), f"user of {what}")
        expect_no_capability(t, status, what)
        if not t.sanitized():
            t.equal(status["Seccomp"], "2", f"filter of system calls of {what}")
    spool = os.path.join(daemon.home, "")
    for path in open_files(engine):
        if path.startswith("/") and path not in allowed:
            t.true(path.startswith(spool), f"the engine has {path} open")

    status = fields_of(f"/proc/{agent}/status")
    t.equal(status["Uid"], "\t".join([str(first_uid)] * 4), "user of the agent")
    expect_no_capability(t, status, "the agent")
    of_agent = [path for path in open_files(agent) if path not in allowed
                and not path.startswith(("socket:", "pipe:", "anon_inode:[pidfd]"))]
    t.equal(of_agent, [], "files of the agent")
    t.equal(len([pid for pid in children(parent) if name_of(pid) == "ringpost-engine"]), 1)
    t.true(len(family(parent)) >= 3, "parent, engine, agent")


@case()
def a_maildir_that_the_engine_may_not_write_to(t):
    """After a reload an agent delivers what the confined engine no longer can."""
    text = """\
table users {{ "alice@example.test" = "alice" }}
table base {{ "alice" = "{uid}:{gid}:{{mail}}/alice" }}
listen on 127.0.0.1 port {{port}} hostname mx.example.test
action "local" maildir "{folder}/%{{user.username}}/Maildir" virtual <users> userbase <base>
match from any for domain "example.test" action "local"
"""
    own = account.unprivileged() if os.getuid() == 0 else None
    uid, gid = (own.uid, own.gid) if own else (os.getuid(), os.getgid())
    first, second = (t.path(name) for name in ("first", "second"))
    for folder in (first, second):
        os.makedirs(folder)
        os.chown(folder, uid, gid)
    at = {"uid": uid, "gid": gid}
    daemon = t.daemon(text=text.format(folder=first, **at), as_root=os.getuid() == 0)
    send(daemon, 1, "alice@example.test")
    new = "alice/Maildir/new"
    t.eventually(lambda: os.path.isdir(os.path.join(first, new))
                 and os.listdir(os.path.join(first, new)), "in the first")
    t.equal(daemon.child_named("ringpost-agent"), None, "an agent for the first")
    daemon.text = text.format(folder=second, **at)
    daemon.write_configuration()
    daemon.control_ok("reload")
    send(daemon, 1, "alice@example.test")
    t.eventually(lambda: os.path.isdir(os.path.join(second, new))
                 and os.listdir(os.path.join(second, new)), "in the second")
    t.true(daemon.child_named("ringpost-agent") is not None, "no agent for the second")


@case()
def no_core_files(t):
    """An engine that crashes leaves nothing of its memory behind, whatever limit it was started with."""
    if t.sanitized():
        t.skip("a sanitized engine is not hidden")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        daemon = start(t)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    engine = daemon.engine_pid()
    os.kill(engine, signal.SIGABRT)
    t.eventually(lambda: "the engine was ended by signal 6" in daemon.log(), "it is said")
    left = [name for _, _, names in os.walk(t.directory) for name in names
            if name.startswith("core")]
    t.equal(left, [], "core files")


@case()
def a_violation_is_seen(t):
    """What the filter does not let through ends the engine, and the parent says so and goes on."""
    if t.sanitized():
        t.skip("a sanitized engine has no filter")
    daemon = start(t)
    engine = daemon.engine_pid()
    if shutil.which("gdb") is None:
        t.skip("no gdb, which makes the engine do what it never does")
    # gdb itself breaks at that, lifts the limit of its core file and leaves one where it is.
    subprocess.run(["gdb", "-p", str(engine), "-batch", "-ex", 'call (int)chroot("/")'],
                   cwd=t.directory, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=50)
    t.eventually(lambda: "the engine was ended by signal 31" in daemon.log(), "it is said")
    t.eventually(lambda: daemon.child_named("ringpost-engine") not in (None, engine), "another one")
    time.sleep(0.1)
    t.true(daemon.running(), "the daemon goes on")

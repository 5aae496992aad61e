"""A copy of this machine in which packages can be installed: what is written there is memory.

An overlay on the root folder, in namespaces of its own for mounts, network and processes. The
services of the real machine are not seen, every port is free, and it is all gone with the case.
Only for root.
"""
import os
import shlex
import shutil
import signal
import subprocess

# The first process of the copy takes in orphans; its end ends the others.
set_up = """set -e
mount -t tmpfs -o size=4g none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" overlay "$1/root"
cd "$1/root"
mount --rbind /dev dev
mount -t proc none proc
mount -t tmpfs none run
mount -t tmpfs none tmp
mount -t tmpfs none var/tmp
chmod 1777 tmp var/tmp
ip link set lo up
touch run/ready
exec chroot . sh -c 'while sleep 0.2; do :; done'
"""


class Machine:
    """Takes a Test. `run` executes a command in the copy, `start` one that stays."""

    def __init__(self, test):
        if os.getuid() != 0:
            test.skip("only root can make a copy of the machine")
        for program in ("unshare", "nsenter", "ip"):
            if shutil.which(program) is None:
                test.skip(f"{program} is not installed")
        with open("/proc/filesystems", encoding="ascii") as file:
            if "overlay" not in file.read():
                test.skip("the kernel has no overlay file system")
        self.test = test
        place = test.path("machine")
        os.makedirs(place)
        self.log = test.path("machine.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
                 "sh", "-c", set_up, "sh", place], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        test.defer(self.stop)
        test.eventually(self.is_ready, f"the copy of the machine: {self.log}")

    def first_pid(self):
        """Of the copy's first process, as the real machine counts."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as file:
            found = file.read().split()
        return int(found[0]) if found else None

    def is_ready(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                self.test.skip("no copy of the machine can be made: " + log.read().strip())
        return self.first_pid() is not None and os.path.exists(self.path("/run/ready"))

    def path(self, path):
        """Where a file of the copy is for who stands outside."""
        return f"/proc/{self.first_pid()}/root{path}"

    def command(self, words):
        return ["nsenter", "--target", str(self.first_pid()), "--mount", "--net", "--pid",
                "--root", "--wd=/", *words]

    def run(self, *words, given=None, expected=0, seconds=120):
        """What it printed, both outputs together. Another exit status than expected fails."""
        done = subprocess.run(self.command(words), input=given, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                   "DEBIAN_FRONTEND": "noninteractive"})
        if expected is not None and done.returncode != expected:
            raise AssertionError(
                f"{shlex.join(words)}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    def start(self, words, log, environment=None):
        """A process that stays until it ends or the case does."""
        with open(log, "ab") as file:
            return subprocess.Popen(self.command(words), stdin=subprocess.DEVNULL, stdout=file,
                                    stderr=file, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                                      **(environment or {})})

    def stop(self):
        self.process.send_signal(signal.SIGKILL)  # --kill-child takes the rest along
        self.process.wait(10)

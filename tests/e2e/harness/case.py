"""A case is one function marked @case. It gets a Test: a directory, daemons, clean-up, assertions.

A case passes when it returns, is skipped by Test.skip(reason), and fails by any exception.
"""
import collections
import os
import shutil
import signal
import subprocess
import tempfile
import time
import traceback

cases = []

Case = collections.namedtuple("Case", "scenario name function long_only seconds_max")


class Skipped(Exception):
    """Raised by Test.skip: the case cannot be run here, and the text says why."""


class TimedOut(Exception):
    """The case took longer than it declared."""


def case(*, long_only=False, seconds=60):
    """Register a function as a case of the scenario (module) it stands in."""
    def register(function):
        scenario = function.__module__.rsplit(".", 1)[-1]
        name = function.__name__.replace("_", "-")
        cases.append(Case(scenario, name, function, long_only, seconds))
        return function
    return register


class Test:
    """One run of one case. Everything it starts ends with it."""

    def __init__(self, build, length, corpora=()):
        self.build = build
        self.corpora = corpora  # directories with more messages to send
        self.long = length == "long"
        self.directory = tempfile.mkdtemp(prefix="ringpost-e2e-")
        os.chmod(self.directory, 0o755)  # users that a case switches to must get through
        self.daemons = []
        self.notes = []
        self.waiting = False  # within eventually(), which asks again by itself
        self._deferred = []

    def program(self, name):
        """The path of one of our programs in the build under test."""
        path = os.path.join(self.build, "bin", name)
        if not os.access(path, os.X_OK):
            raise AssertionError(f"{path} has not been built")
        return path

    def run_daemon(self, *arguments):
        """Run ringpostd to its end, unprivileged, for a start that is to fail; the process."""
        from harness import account
        ours = account.unprivileged()
        program = account.reachable_program(ours, self.program("ringpostd"), self.directory)
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20,
                              check=False, **account.popen_arguments(ours))

    def sanitized(self):
        """True for a build with a sanitizer, whose use of memory says nothing about ours."""
        with open(self.program("ringpostd"), "rb") as file:
            octets = file.read()
        return b"__asan_init" in octets or b"__tsan_init" in octets

    def has_program(self, name):
        return os.access(os.path.join(self.build, "bin", name), os.X_OK)

    def daemon(self, **options):
        """Start a daemon with its own home; keyword arguments as for daemon.Daemon."""
        from harness import daemon
        started = daemon.Daemon(self, f"home{len(self.daemons)}", **options)
        self.daemons.append(started)
        started.start()
        return started

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def defer(self, function, *arguments):
        """Call function when the case ends, however it ends; the last one deferred goes first."""
        self._deferred.append((function, arguments))

    def skip(self, reason):
        raise Skipped(reason)

    def note(self, text):
        """A fact worth printing beside the result, such as a count or a time."""
        self.notes.append(text)

    def equal(self, actual, expected, what=""):
        if actual != expected:
            raise AssertionError(f"{what or 'value'}: expected {expected!r}, got {actual!r}")

    def true(self, condition, what):
        if not condition:
            raise AssertionError(what)

    def eventually(self, condition, what, seconds=15.0):
        """Wait until condition() is true; its last value is returned."""
        deadline = time.monotonic() + seconds
        while True:
            value = self._asked(condition)
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:g} s: {what}")
            time.sleep(0.02)

    def _asked(self, condition):
        outer, self.waiting = self.waiting, True
        try:
            return condition()
        finally:
            self.waiting = outer

    def finish(self):
        """Stop what still runs. A fault here is returned, not raised: the case is over."""
        faults = []
        for daemon in self.daemons:
            try:
                daemon.end()
            except Exception as fault:  # the next daemon must be ended too
                faults.append(f"{daemon.name}: {fault}")
        for function, arguments in reversed(self._deferred):
            try:
                function(*arguments)
            except Exception as fault:
                faults.append(str(fault))
        return faults

    def discard(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def run(chosen, build, length, corpora=()):
    """Run one case. Returns ("passed" | "failed" | "skipped", text, Test)."""
    test = Test(build, length, corpora)

    def alarm(_signal, _frame):
        raise TimedOut(f"took longer than {chosen.seconds_max} s")

    previous = signal.signal(signal.SIGALRM, alarm)
    signal.alarm(chosen.seconds_max)
    result, text = "passed", ""
    try:
        chosen.function(test)
    except Skipped as reason:
        result, text = "skipped", str(reason)
    except Exception:
        result, text = "failed", traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    faults = test.finish()
    if faults and result != "failed":
        result, text = "failed", "after the case: " + "; ".join(faults)
    return result, text, test

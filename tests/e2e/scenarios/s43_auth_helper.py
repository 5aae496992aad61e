"""ringpost-auth, which asks PAM, is killed while logins are under way."""
import crypt
import os
import shutil
import signal
import threading
import time

from harness import account
from harness.case import case
from harness.daemon import children, family
from scenarios.s32_auth import World, command_of, message, password, wrong

user = "ringtest"  # exists for the daemon only
seconds_of_pam = 2


def start(t):
    """A daemon of root in a mount namespace where PAM knows one more user, and is slow."""
    if os.getuid() != 0 or not t.has_program("ringpost-auth"):
        t.skip("only root can be asked for the passwords of others, by ringpost-auth")
    hashed = crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512))
    for name, line in (("passwd", f"{user}:x:20077:20077::/nonexistent:/bin/false\n"),
                       ("shadow", f"{user}:{hashed}:19000:0:99999:7:::\n")):
        shutil.copy(f"/etc/{name}", t.path(name))
        with open(t.path(name), "a", encoding="utf-8") as file:
            file.write(line)
    os.makedirs(t.path("pam.d"))
    with open(t.path("pam.d", "ringpost"), "w", encoding="ascii") as file:
        file.write(f"auth required pam_exec.so quiet {shutil.which('sleep')} {seconds_of_pam}\n"
                   "auth required pam_unix.so nodelay\naccount required pam_unix.so\n")
    more = (f"engine keys-user {account.name_of_unprivileged}\n"
            "smtp limit max-auth-failures-per-address 5\n")
    return World(t, tables="", auth="auth", as_root=True, more=more, wrapper=[
        "unshare", "-m", "sh", "-c",
        f"mount --bind {t.path('passwd')} /etc/passwd"
        f" && mount --bind {t.path('shadow')} /etc/shadow"
        f" && mount --bind {t.path('pam.d')} /etc/pam.d && exec \"$@\"", "sh"])


def helpers(world):
    """Processes of ringpost-auth, the oldest, which makes the others, first."""
    return [pid for pid in family(world.daemon.process.pid) if "ringpost-auth" in command_of(pid)]


class Logins:
    """So many clients log in at the same time; each answer with the seconds that it took."""

    def __init__(self, world, count, until=None):
        self.answers = []  # (code, seconds)
        self.threads = [threading.Thread(target=self.run, args=(world, until), daemon=True)
                        for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, world, until):
        while True:
            with world.client() as client:
                began = time.monotonic()
                reply = world.plain(user, password, client)
                self.answers.append((reply.code, time.monotonic() - began))
            if until is None or until.wait(0 if reply.code == 235 else 0.3):
                return

    def wait(self, t):
        for thread in self.threads:
            thread.join(30)
            t.true(not thread.is_alive(), "a client waits for its answer")
        return self.answers


@case(seconds=120)
def killed_under_way(t):
    """Who waits for an answer hears 454 at once, and that is no failure; the next login works."""
    world = start(t)
    t.equal(world.plain(user, password).code, 235)
    logins = Logins(world, 12)
    t.eventually(lambda: len(children(helpers(world)[0])) == 12, "twelve questions under way")
    os.kill(helpers(world)[0], signal.SIGKILL)
    killed = time.monotonic()
    answers = logins.wait(t)
    t.true(time.monotonic() - killed < 1.5, "answered at once, not after PAM")
    t.equal([code for code, _ in answers], [454] * 12, "answers")
    t.eventually(lambda: not helpers(world), "no process of it is left")
    t.eventually(lambda: len(world.daemon.events("auth.failed")) == 12, "the log has each")
    time.sleep(1)  # it is started once a second at most
    t.equal(world.plain(user, password).code, 235, "the next login")
    t.equal(world.plain(user, wrong).code, 535, "a wrong password is still one")
    world.expect_no_secrets()


@case(seconds=120)
def killed_again_and_again(t):
    """Under a steady load of logins nobody hangs, and everything else is served as ever."""
    world = start(t)
    over = threading.Event()
    load = Logins(world, 8, over)
    for _ in range(5):
        time.sleep(seconds_of_pam + 1)
        t.eventually(lambda: len(helpers(world)) >= 4, "questions under way")
        os.kill(helpers(world)[0], signal.SIGKILL)
        began = time.monotonic()
        with world.client() as client:
            t.true(time.monotonic() - began < 2, "a client is greeted as fast as ever")
            t.equal(client.command("NOOP").code, 250)
    over.set()
    answers = load.wait(t)
    codes = {code for code, _ in answers}
    t.true(codes <= {235, 454}, f"answers: {codes}")
    t.true(235 in codes and 454 in codes, f"some of each: {codes}")
    t.true(max(taken for _, taken in answers) < seconds_of_pam + 3, "nobody waits for long")
    t.note(f"{len(answers)} logins, {sum(code == 454 for code, _ in answers)} put off")
    t.eventually(lambda: world.plain(user, password).code == 235, "the next login")
    with world.client() as client:
        t.equal(world.plain(user, password, client).code, 235)
        t.equal(client.transaction(message).code, 250)
    world.daemon.wait_delivered(1)

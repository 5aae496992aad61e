"""ringpostd -n and the start: every mistake in the configuration is named with its place."""
import os
import re
import subprocess

from harness.case import case

position = re.compile(r"^(\S+?):(\d+):(\d+): (.*)$", re.MULTILINE)

sound = """\
table users { "@example.test" = "alice" }
listen on 127.0.0.1 port 2525 hostname mx.example.test
action "local" maildir "/srv/mail/%{user.username}/Maildir" virtual <users>
match from any for domain "example.test" action "local"
"""


def write(t, text, name="smtpd.conf"):
    path = t.path(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def check(t, path, *arguments):
    """Run ringpostd -n; returns (exit status, [(file, line, column, text)], all output)."""
    done = subprocess.run([t.program("ringpostd"), "-n", "--home", t.path("home"), "-f", path,
                           *arguments], capture_output=True, text=True, timeout=20, check=False)
    output = done.stdout + done.stderr
    found = [(name, int(line), int(column), text)
             for name, line, column, text in position.findall(output)]
    return done.returncode, found, output


def errors(found):
    return [entry for entry in found if not entry[3].startswith(("warning: ", "note: "))]


@case()
def sound_configuration(t):
    """-n of a sound file is silent about errors, exits 0 and starts nothing."""
    status, found, output = check(t, write(t, sound))
    t.equal(status, 0, output)
    t.equal(errors(found), [], "errors")
    t.true(not os.path.exists(t.path("home", "spool")), "-n writes nothing")


@case()
def every_error_is_named(t):
    """Four mistakes in one file: four lines with file, line and column, exit status 1."""
    path = write(t, """\
listen on 127.0.0.1 port 99999999
action "a" maildir "relative/path"
match from any for domain "example.test" action "missing"
frobnicate the mail
smtp limit max-rcpt banana
""" + sound)
    status, found, output = check(t, path)
    t.equal(status, 1, output)
    t.true(all(name == path for name, _, _, _ in found), f"the file's name in {output}")
    lines = {line for _, line, _, _ in errors(found)}
    t.true({1, 3, 4, 5} <= lines, f"errors in lines 1, 3, 4 and 5, found in {sorted(lines)}")
    columns = {line: column for _, line, column, _ in errors(found)}
    t.equal(columns[4], 1, "column of the unknown directive")
    t.equal(columns[5], 21, "column of the word that is no number")


def start(t, path):
    """Run ringpostd -d with a file that it must refuse; returns (exit status, what it says)."""
    done = subprocess.run([t.program("ringpostd"), "-d", "--home", t.path("home"), "-f", path],
                          capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stderr


@case()
def not_available_is_refused_by_name(t):
    """Grammar of smtpd.conf without a behaviour yet: a note of -n, an error of a start."""
    for directive, word in (
            ('\naction "q" mbox wrapper "w"', "wrapper"),
            ('\nqueue encryption', "encryption")):
        path = write(t, 'mda wrapper "w" "%{mda}"\n' + sound + directive + "\n")
        status, found, output = check(t, path)
        t.equal(status, 0, output)
        t.true(any(text.startswith("note: ") and word in text and line == 7
                   for _, line, _, text in found), f"{word!r} is noted with line 7 in {output}")
        status, said = start(t, path)
        t.equal(status, 1, said)
        t.true(f"{path}:7:" in said and word in said, said)


@case()
def macros_and_includes(t):
    """-D sets a macro; an error in an included file carries that file's name."""
    path = write(t, sound.replace("2525", "$port"))
    t.equal(check(t, path)[0], 1, "without the macro")
    t.equal(check(t, path, "-D", "port=2600")[0], 0, "with -D port=2600")
    part = write(t, "listen on\n", "part.conf")
    status, found, output = check(t, write(t, sound + f'include "{part}"\n'))
    t.equal(status, 1, output)
    t.true(any(name == part and line == 1 for name, line, _, _ in found), output)
    status, found, output = check(t, write(t, sound + 'include "/nonexistent/part.conf"\n'))
    t.equal(status, 1, output)
    t.true(any(line == 5 for _, line, _, _ in found), output)


@case()
def tables_from_files(t):
    """A table file is read when the configuration is; one that is missing is an error."""
    users = write(t, "# comment\n@example.test\talice\nbob@example.test: bob\n", "users")
    text = sound.replace('{ "@example.test" = "alice" }', f"file:{users}")
    t.equal(check(t, write(t, text))[0], 0)
    os.remove(users)
    status, found, output = check(t, write(t, text))
    t.equal(status, 1, output)
    t.equal(errors(found)[0][1], 1, output)


@case()
def explain(t):
    """-n --explain names the rule, the action and every delivery, and sends nothing."""
    path = write(t, """\
table v { "staff@example.test" = "alice, bob@elsewhere.test, |/bin/cat" }
table people { alice = "1000:1000:HOME" }
action "local" maildir virtual <v> userbase <people>
action "out" relay
match from src 192.0.2.0/24 for any reject
match from any for domain "example.test" action "local"
match auth from any for any action "out"
match for any action "out"
""".replace("HOME", t.directory))
    def explained(*arguments):
        done = subprocess.run([t.program("ringpostd"), "-n", "--home", t.path("home"), "-f", path,
                               "--explain", *arguments], capture_output=True, text=True,
                              timeout=20, check=False)
        t.equal(done.returncode, 0, done.stderr)
        return done.stdout

    said = explained("x@example.com", "staff@example.test", "--client", "203.0.113.9")
    for part in (f"rule 2 ({path}:6) action local", f"maildir {t.directory}/Maildir", "to alice",
                 "~/.forward of alice: not found",
                 "relays     bob@elsewhere.test (rule 4, action out)", "runs       /bin/cat",
                 "accepted, 3 deliveries"):
        t.true(part in said, f"{part!r} in {said}")
    said = explained("", "x@example.test", "--client", "192.0.2.7")
    t.true(f"rule 1 ({path}:5) reject" in said and "550 5.7.1" in said, said)
    said = explained("", "nobody@example.test")
    t.true("550 5.1.1" in said, said)
    said = explained("", "x@elsewhere.test", "--client", "203.0.113.9")
    t.true("no rule matches" in said, said)
    said = explained("", "x@elsewhere.test", "--client", "203.0.113.9", "--auth", "alice")
    t.true(f"rule 3 ({path}:7) action out" in said, said)
    write(t, "carol@elsewhere.test, /srv/kept\n", ".forward")
    said = explained("x@example.com", "staff@example.test", "--client", "203.0.113.9")
    for part in ("relays     carol@elsewhere.test", "appends    /srv/kept\n           as alice"):
        t.true(part in said, f"{part!r} in {said}")
    t.true("Maildir" not in said, said)
    t.true(not os.path.exists(t.path("home", "spool")), "--explain writes nothing")


@case()
def usage_errors(t):
    """Unknown options, a missing file and a missing argument: usage, and no start."""
    for arguments in (["-x"], ["-f"], ["-D", "noequalsign"], ["--home"]):
        done = subprocess.run([t.program("ringpostd"), *arguments], capture_output=True,
                              timeout=20, check=False)
        t.true(done.returncode not in (0, -6, -11), f"{arguments}: status {done.returncode}")
        t.true(done.stderr, f"{arguments}: says nothing")
    status, _, output = check(t, t.path("not-there.conf"))
    t.equal(status, 1, output)
    t.true("not-there.conf" in output, output)


@case()
def broken_configuration_does_not_start(t):
    """Without -n a file with errors starts nothing, says the same and exits 1."""
    path = write(t, "nonsense\n" + sound)
    status, said = start(t, path)
    t.equal(status, 1, said)
    t.true(f"{path}:1:1: " in said, said)

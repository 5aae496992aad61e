"""Every way of delivering: commands, files, LMTP to a scripted server and to Dovecot, and what each
does when the other side is full, hangs, or is not there."""
import mailbox
import os
import time

from harness import account, dovecot, lmtp, maildir, messages, smtp
from harness.case import case
from harness.daemon import default_match
from harness.mail import ask, send

by_user = "virtual <users> userbase <base>"


def is_sent(daemon, number, recipient):
    try:
        return send(daemon, number, recipient)
    except AssertionError:  # refused
        return None


def attempted(t, daemon, address, state="delayed", seconds=15):
    """The queue's row of a recipient after an attempt, once it is in that state."""
    return t.eventually(lambda: [row for row in daemon.queue() if row["to"] == address
                                 and row["attempts"] > 0 and row["state"] == state],
                        f"{address} is {state} after an attempt", seconds)[0]


def script(t, name, text):
    path = t.path(name)
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def without_trace(octets, line_end=b"\n"):
    """The content behind the fields that we put before it, and their names."""
    names = []
    while octets.startswith((b"Return-Path:", b"Delivered-To:", b"Received:")) and not (
            names and names[-1] == b"Received"):
        names.append(octets.partition(b":")[0])
        end = octets.index(line_end) + len(line_end)
        while octets[end:end + 1] in (b" ", b"\t"):
            end = octets.index(line_end, end) + len(line_end)
        octets = octets[end:]
    return names, octets


# Commands

@case()
def a_command_gets_the_message_and_its_environment(t):
    """mda: specifiers, environment, working folder, standard input with LF line ends."""
    record = script(t, "record", 'pwd > "$HOME/folder"\nenv > "$HOME/environment"\n'
                                 'echo "$@" > "$HOME/arguments"\ncat > "$HOME/message"\n'
                                 'touch "$HOME/done"\n')
    daemon = t.daemon(
        virtual={"alice+lists@example.test": "alice+lists"},
        rules=[f'action "local" mda "{record} %{{user.username}} %{{rcpt.domain}}'
               f' %{{sender:raw}}" {by_user}', default_match])
    home = daemon.home_of("alice")
    send(daemon, 1, "alice+lists@example.test", sender="a`b$c|d@client.test")
    t.eventually(lambda: os.path.exists(os.path.join(home, "done")), "the command has run")
    daemon.wait_queue_empty()
    names, content = without_trace(read(os.path.join(home, "message")))
    t.equal(names, [b"Return-Path", b"Delivered-To", b"Received"])
    t.equal(content.replace(b"\n", b"\r\n"), messages.simple(1))
    t.equal(read(os.path.join(home, "folder")).decode().strip(), home)
    t.equal(read(os.path.join(home, "arguments")).decode().strip(),
            "alice example.test a:b:c:d@client.test")
    lines = read(os.path.join(home, "environment")).decode().splitlines()
    environment = dict(line.split("=", 1) for line in lines)
    for name in ("_", "PWD", "OLDPWD", "SHLVL"):
        environment.pop(name, None)  # the shell's own
    t.equal(environment, {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/usr/local/sbin",
        "SHELL": "/bin/sh", "HOME": home, "LOGNAME": "alice", "USER": "alice",
        "SENDER": "a:b:c|d@client.test", "RECIPIENT": "alice+lists@example.test",
        "ORIGINAL_RECIPIENT": "alice+lists@example.test", "LOCAL": "alice+lists",
        "DOMAIN": "example.test", "EXTENSION": "lists"})


@case()
def exit_codes(t):
    """0 is delivered, 71 and 75 are tried again, any other is held until the operator says so."""
    codes = {"alice": 0, "bob": 75, "carol": 71, "dora": 3}
    arms = "".join(f"{user}) echo about {user}; exit {code};;\n" for user, code in codes.items())
    command = script(t, "answer", f'cat > /dev/null\ncase "$USER" in\n{arms}esac\n')
    daemon = t.daemon(users=tuple(codes), directives=["queue retry-interval 1s"],
                      rules=[f'action "local" mda "{command}" {by_user}', default_match])
    send(daemon, 1, *(f"{user}@example.test" for user in codes))
    for user in ("bob", "carol"):
        row = t.eventually(lambda: [r for r in daemon.queue() if r["to"] == f"{user}@example.test"
                                    and r["attempts"] >= 2], "a second attempt", 20)[0]
        t.true(f"exit status {codes[user]}: about {user}" in row["last_error"], row["last_error"])
    row = attempted(t, daemon, "dora@example.test", "held")
    t.equal((row["attempts"], row["next_try"]), (1, None))
    results = {event["to"].split("@")[0]: (event["result"], event["status"])
               for event in daemon.events("attempt.finished")}
    t.equal(results, {"alice": ("delivered", "2.0.0"), "bob": ("delayed", "4.3.0"),
                      "carol": ("delayed", "4.3.0"), "dora": ("failed", "5.3.0")})
    figures = daemon.statistics()
    t.equal(figures["ringpost_delivery_failed_total"], 1)
    t.equal(figures["ringpost_delivery_expired_total"], 0)
    script(t, "answer", "cat > /dev/null\n")
    daemon.control_ok("schedule", "all")
    daemon.wait_queue_empty()


@case()
def a_wrapper_runs_around_the_command(t):
    """`mda wrapper` with %{mda}."""
    daemon = t.daemon(directives=[
        'mda wrapper "note" "echo wrapped > %{user.directory}/note; %{mda}"'],
        rules=[f'action "local" mda "cat > %{{user.directory}}/message" wrapper "note" {by_user}',
               default_match])
    send(daemon, 1, "alice@example.test")
    daemon.wait_queue_empty()
    t.equal(read(os.path.join(daemon.home_of("alice"), "note")), b"wrapped\n")
    _, content = without_trace(read(os.path.join(daemon.home_of("alice"), "message")))
    t.equal(content.replace(b"\n", b"\r\n"), messages.simple(1))


@case()
def a_command_that_hangs(t):
    """It is killed when its time is over; others get their mail meanwhile, and a stop waits not."""
    command = script(t, "hang", 'cat > "$HOME/seen"\n[ "$USER" = bob ] && exec sleep 600\nexit 0\n')
    daemon = t.daemon(directives=["mda limit command-seconds 2", "queue retry-interval 3s"],
                      rules=[f'action "local" mda "{command}" {by_user}', default_match])
    for number in range(60):
        send(daemon, number, "bob@example.test")
    send(daemon, 60, "alice@example.test")
    t.eventually(lambda: os.path.exists(os.path.join(daemon.home_of("alice"), "seen")),
                 "the other user's mail", 10)
    row = attempted(t, daemon, "bob@example.test", seconds=20)
    t.true("did not end within 2 s and was killed" in row["last_error"], row["last_error"])
    began = time.monotonic()
    daemon.stop()
    t.true(time.monotonic() - began < 15, "the daemon stops although a command hangs")


@case()
def a_message_does_not_go_round(t):
    """A command that is given what was delivered to its address before: a loop, held."""
    daemon = t.daemon(rules=[f'action "local" mda "cat > %{{user.directory}}/message" {by_user}',
                             default_match])
    send(daemon, 1, "alice@example.test", fields=(b"Delivered-To: alice@example.test",))
    row = attempted(t, daemon, "alice@example.test", "held")
    t.true("mail loop" in row["last_error"], row["last_error"])
    t.true(not os.path.exists(os.path.join(daemon.home_of("alice"), "message")), "no delivery")


@case()
def commands_and_files_of_aliases(t):
    """Alias targets: "|command" runs, "/file" is appended to as an mbox that others can read."""
    daemon = t.daemon(virtual={
        "run@example.test": f"|cat > {t.path('out')}/ran",
        "keep@example.test": f"{t.path('out')}/kept",
        "both@example.test": f"alice, {t.path('out')}/kept"})
    os.makedirs(t.path("out"))
    account.give(daemon.account, t.path("out"))
    send(daemon, 1, "run@example.test")
    for number in (2, 3):
        send(daemon, number, "keep@example.test", fields=(b"X-Test: one",))
    send(daemon, 4, "both@example.test")
    daemon.wait_queue_empty()
    _, content = without_trace(read(t.path("out", "ran")))
    t.equal(content.replace(b"\n", b"\r\n"), messages.simple(1))
    t.equal(len(daemon.wait_delivered(1)), 1)
    box = mailbox.mbox(t.path("out", "kept"), create=False)
    found = sorted(without_trace(bytes(message))[1].replace(b"\n", b"\r\n") for message in box)
    t.equal(found, sorted([messages.simple(2, fields=(b"X-Test: one",)),
                           messages.simple(3, fields=(b"X-Test: one",)), messages.simple(4)]))
    t.true(all(message.get_from().startswith("sender@client.test ") for message in box), "From_")


@case()
def forward_files(t):
    """~/.forward: to others, to a command, with a copy; nothing goes anywhere by one that others
    may write, or while the home folder is sticky."""
    daemon = t.daemon(users=("alice", "bob", "carol", "dora"), rules=[
        f'action "local" maildir {by_user}', default_match])
    files = {"alice": "bob@example.test\n", "bob": "\\bob, carol@example.test\n",
             "carol": f'"|cat > {daemon.home_of("carol")}/piped"\n', "dora": "nobody@example.test\n"}
    for user, text in files.items():
        path = os.path.join(daemon.home_of(user), ".forward")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o666 if user == "dora" else 0o600)
        account.give(daemon.account, daemon.home_of(user))
        os.chmod(daemon.home_of(user), 0o700)
    send(daemon, 1, "alice@example.test")
    ask(daemon, "dora@example.test", 451)
    t.eventually(lambda: any("may be written by others" in event["reason"]
                             for event in daemon.events("lookup.failed")), "why")
    os.chmod(os.path.join(daemon.home_of("dora"), ".forward"), 0o600)
    os.chmod(daemon.home_of("dora"), 0o1700)
    ask(daemon, "dora@example.test", 451)
    t.eventually(lambda: any("is sticky" in event["reason"]
                             for event in daemon.events("lookup.failed")), "why")
    os.chmod(daemon.home_of("dora"), 0o700)
    os.remove(os.path.join(daemon.home_of("dora"), ".forward"))
    send(daemon, 2, "dora@example.test")
    daemon.wait_queue_empty()
    t.equal([m.content for m in daemon.delivered("bob")], [messages.simple(1)])
    _, content = without_trace(read(os.path.join(daemon.home_of("carol"), "piped")))
    t.equal(content.replace(b"\n", b"\r\n"), messages.simple(1))
    t.equal([m.content for m in daemon.delivered("dora")], [messages.simple(2)])
    t.equal(maildir.count(daemon.maildir_of("alice")), 0, "what was forwarded")
    with open(os.path.join(daemon.home_of("alice"), ".forward"), "w", encoding="ascii") as file:
        file.write("alice@example.test\n")
    ask(daemon, "alice@example.test", 550, "5.4.6")


@case()
def only_forwards_and_only_expands(t):
    """forward-only goes where .forward says, expand-only where aliases say; neither has a mailbox
    to fall back to."""
    daemon = t.daemon(users=("alice", "bob", "carol"), rules=[
        f'action "local" maildir {by_user}', f'action "forwards" forward-only {by_user}',
        'table lists { "team" = "alice@example.test, bob@example.test" }',
        'action "expands" expand-only alias <lists>',
        'match from any for rcpt-to { "carol@example.test" } action "forwards"',
        'match from any for domain "lists.test" action "expands"', default_match])
    forward = os.path.join(daemon.home_of("carol"), ".forward")
    ask(daemon, "carol@example.test", 451)
    with open(forward, "w", encoding="ascii") as file:
        file.write("bob@example.test\n")
    os.chmod(forward, 0o600)
    account.give(daemon.account, daemon.home_of("carol"))
    # Each core remembers for some seconds that there was none.
    t.eventually(lambda: is_sent(daemon, 1, "carol@example.test"), "the file is seen")
    send(daemon, 2, "team@lists.test")
    ask(daemon, "nobody@lists.test", 550, "5.1.1")
    daemon.wait_queue_empty()
    t.equal(sorted(m.content for m in daemon.delivered("bob")),
            [messages.simple(1), messages.simple(2)])
    t.equal([m.content for m in daemon.delivered("alice")], [messages.simple(2)])
    t.equal(daemon.delivered("carol"), [])


@case()
def included_lists(t):
    """:include: of a virtual table; a list that is missing is a 451, and mail goes on later."""
    path = t.path("list")
    daemon = t.daemon(virtual={"team@example.test": f":include:{path}"})
    ask(daemon, "team@example.test", 451)
    with open(path, "w", encoding="ascii") as file:
        file.write("# the team\nalice, bob\n")
    os.chmod(path, 0o644)
    account.give(daemon.account, path)
    send(daemon, 1, "team@example.test")
    for user in ("alice", "bob"):
        t.equal([m.content for m in daemon.wait_delivered(1, user)], [messages.simple(1)], user)


# Maildir folders

@case()
def spam_and_tags_have_folders(t):
    """junk: X-Spam goes to .Junk; a sub-address goes to its folder where there is one."""
    daemon = t.daemon(
        virtual={"alice+lists@example.test": "alice+lists",
                 "alice+nowhere@example.test": "alice+nowhere"},
        rules=['action "local" maildir "' + "{mail}" + '" junk ' + by_user, default_match])
    # The path is relative to the home folder, which is what a Maildir reader expects as well.
    inbox = os.path.join(daemon.home_of("alice"), "{mail}")
    maildir_new = os.path.join(inbox, ".lists", "new")
    os.makedirs(maildir_new)
    for name in ("cur", "tmp"):
        os.makedirs(os.path.join(inbox, ".lists", name))
    account.give(daemon.account, inbox)
    send(daemon, 1, "alice@example.test")
    send(daemon, 2, "alice@example.test", fields=(b"X-Spam: Yes, score=9",))
    send(daemon, 3, "alice@example.test", fields=(b"X-Spam-Flag:", b" YES"))
    send(daemon, 4, "alice+lists@example.test")
    send(daemon, 5, "alice+nowhere@example.test")
    send(daemon, 6, "alice+lists@example.test", fields=(b"x-spam: yes",))
    daemon.wait_queue_empty()
    t.equal(maildir.count(inbox), 2, "inbox")
    t.equal(maildir.count(os.path.join(inbox, ".Junk")), 3, "junk")
    t.equal(maildir.count(os.path.join(inbox, ".lists")), 1, "lists")


@case()
def a_user_who_is_gone(t):
    """A user without an entry, and one whose home is no folder: tried again, with the reason."""
    daemon = t.daemon(directives=["queue retry-interval 1s"],
                      rules=[f'action "local" maildir {by_user}', default_match])
    os.rmdir(daemon.home_of("bob"))
    with open(daemon.home_of("bob"), "wb"):
        pass
    send(daemon, 1, "bob@example.test")
    row = attempted(t, daemon, "bob@example.test")
    t.true("Not a directory" in row["last_error"], row["last_error"])
    daemon.stop()
    daemon.users.remove("bob")
    daemon.start()
    daemon.control_ok("schedule", "all")
    t.eventually(lambda: [r for r in daemon.queue() if "bob is not to be found" in r["last_error"]],
                 "the user is missed")
    daemon.stop()
    daemon.users.append("bob")
    os.remove(daemon.home_of("bob"))
    os.makedirs(daemon.home_of("bob"))
    account.give(daemon.account, daemon.home_of("bob"))
    daemon.start()
    daemon.control_ok("schedule", "all")
    daemon.wait_delivered(1, "bob")
    daemon.wait_queue_empty()


# LMTP

def by_lmtp(t, server, options="", **arguments):
    return t.daemon(rules=[f'action "local" lmtp "{server.destination}" {options} {by_user}',
                           default_match], **arguments)


@case()
def lmtp_answers_for_each_recipient(t):
    """One transaction for the recipients of a message; 4xx is tried again, 5xx is held."""
    server = lmtp.Server(t)
    users = ("alice", "bob", "carol", "dora")
    daemon = by_lmtp(t, server, users=users, directives=["queue retry-interval 1s"])
    server.at_rcpt["carol"] = "550 5.1.1 No such user"
    server.at_end.update(bob="452 4.2.2 Mailbox full", dora="552 5.2.2 Over quota")
    send(daemon, 1, *(f"{user}@example.test" for user in users))
    t.true("452 Mailbox full" in attempted(t, daemon, "bob@example.test")["last_error"], "why")
    for user, why in (("carol", "550 No such user"), ("dora", "552 Over quota")):
        row = attempted(t, daemon, f"{user}@example.test", "held")
        t.true(why in row["last_error"], row["last_error"])
    first = server.messages[0]
    t.equal(first["sender"], "sender@client.test")
    t.equal(sorted(first["recipients"]), ["alice", "bob", "dora"])
    names, content = without_trace(first["content"], b"\r\n")
    t.equal((names, content), ([b"Received"], messages.simple(1)))
    server.at_rcpt.clear()
    server.at_end.clear()
    daemon.control_ok("schedule", "all")
    daemon.wait_queue_empty()
    taken = [user for message in server.messages for user in message["recipients"]]
    t.equal(taken.count("alice"), 1, "what was delivered is not delivered again")


@case()
def lmtp_over_a_unix_socket(t):
    """rcpt-to names the address; a connection serves many messages, all of them exactly."""
    server = lmtp.Server(t, t.path("lmtp.sock"), owner=account.unprivileged())
    daemon = by_lmtp(t, server, "rcpt-to")
    sent = []
    with daemon.client() as client:
        client.hello()
        for sample in messages.generated()[:60]:
            smtp.check(client.transaction(sample.content), 250, "2.0.0")
            sent.append(sample.content)
            daemon.wait_queue_empty()
    t.equal([without_trace(m["content"], b"\r\n")[1] for m in server.messages], sent)
    t.equal({tuple(m["recipients"]) for m in server.messages}, {("alice@example.test",)})
    t.equal(server.connections, 1, "connections")


@case()
def lmtp_servers_that_fail(t):
    """One that is not there, and one that hangs: other mail goes on, and nothing is lost."""
    server = lmtp.Server(t)
    rules = [f'action "slow" lmtp "{server.destination}" {by_user}',
             f'action "lost" lmtp "{t.path("nowhere")}" {by_user}',
             f'action "local" maildir {by_user}',
             'match from any for rcpt-to "alice@example.test" action "slow"',
             'match from any for rcpt-to "bob@example.test" action "lost"', default_match]
    daemon = t.daemon(users=("alice", "bob", "carol"), directives=["queue retry-interval 1s"],
                      rules=rules)
    server.hangs.set()
    for number in range(80):
        send(daemon, number, "alice@example.test")
    send(daemon, 80, "bob@example.test")
    send(daemon, 81, "carol@example.test")
    daemon.wait_delivered(1, "carol")
    row = attempted(t, daemon, "bob@example.test")
    t.true("connect" in row["last_error"] and "No such file" in row["last_error"],
           row["last_error"])
    began = time.monotonic()
    daemon.stop()
    t.true(time.monotonic() - began < 15, "the daemon stops although the server hangs")
    server.hangs.clear()
    server.messages.clear()
    daemon.start()
    daemon.control_ok("schedule", "all")
    t.eventually(lambda: len(daemon.queue()) == 1, "only the lost one waits", 40)
    t.true(len(server.messages) >= 60, "what hung has come")


# Dovecot

def need_dovecot(t):
    if dovecot.program() is None:
        t.skip("Dovecot is not installed (dovecot-imapd, dovecot-lmtpd)")


def fetched(session):
    """(flags, octets) of every message of the selected mailbox."""
    status, numbers = session.search(None, "ALL")
    found = []
    for number in numbers[0].split():
        _, data = session.fetch(number, "(FLAGS BODY.PEEK[])")
        found.append((data[0][0].split(b"FLAGS (")[1].split(b")")[0], data[0][1]))
    return found


@case(seconds=120)
def dovecot_reads_what_maildir_delivered(t):
    """By IMAP: every message octet for octet, unseen, spam in Junk."""
    need_dovecot(t)
    daemon = t.daemon(directives=["smtp limit max-mails 1000"],
                      rules=[f'action "local" maildir junk {by_user}', default_match])
    server = dovecot.Dovecot(t, daemon)
    # IMAP turns what is no line end of a file into one, and knows no NUL (RFC 3501 4.3).
    # What begins with a blank looks like more of the field before it.
    chosen = [sample.content for sample in messages.generated() if not sample.needs_bdat
              and b"\0" not in sample.content and not sample.content.startswith((b" ", b"\t"))
              and b"\r" not in sample.content.replace(b"\r\n", b"")]
    with daemon.client() as client:
        client.hello()
        for content in chosen:
            smtp.check(client.transaction(content), 250, "2.0.0")
        spam = messages.simple(1, fields=(b"X-Spam: yes",))
        smtp.check(client.transaction(spam), 250, "2.0.0")
    daemon.wait_queue_empty()
    with server.imap("alice") as session:
        session.select()
        found = fetched(session)
        t.equal({flags for flags, _ in found}, {b"\\Recent"}, "flags")
        t.equal(len(found), len(chosen))
        whole = sorted(octets for _, octets in found)
        t.true(all(octets.startswith(b"Return-Path: <sender@client.test>\r\nDelivered-To: "
                                     b"alice@example.test\r\nReceived: ") for octets in whole),
               "trace fields")
        bodies = [without_trace(octets, b"\r\n")[1] for octets in whole]
        missing = [content for content in map(ended, chosen) if content not in bodies]
        t.true(not missing, f"{len(missing)} contents are not there, as {missing[:1]!r:.300}")
        session.select("Junk")
        t.equal([without_trace(octets, b"\r\n")[1] for _, octets in fetched(session)], [spam])
    t.note(f"{len(chosen)} messages")


def ended(content):
    """What the file of a content without a last line end says."""
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


@case(seconds=120)
def dovecot_takes_mail_by_lmtp(t):
    """Over TCP and over its socket; a full mailbox is its word, and the queue heeds it."""
    need_dovecot(t)
    daemon = t.daemon(users=("alice", "bob"), directives=["queue retry-interval 1s"])
    server = dovecot.Dovecot(t, daemon, limits={"bob": 20_000})
    for destination in (server.socket, f"localhost:{server.lmtp_port}"):
        daemon.stop()
        daemon.rules = [f'action "local" lmtp "{destination}" {by_user}', default_match]
        daemon.start()
        for number in range(10):
            send(daemon, number, "alice@example.test")
        daemon.wait_queue_empty()
    with server.imap("alice") as session:
        session.select()
        found = sorted(octets for _, octets in fetched(session))
        t.equal(len(found), 20)
        t.true(all(octets.startswith(b"Return-Path: <sender@client.test>\r\nDelivered-To: ")
                   for octets in found), "Dovecot adds the fields of final delivery")
        t.equal(sum(messages.simple(3) in octets for octets in found), 2)
    with daemon.client() as client:
        client.hello()
        reply = client.transaction(messages.simple(1, 30_000), recipients=["bob@example.test",
                                                                           "alice@example.test"])
        smtp.check(reply, 250, "2.0.0")
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] > 0], "an attempt")[0]
    t.equal(row["to"], "bob@example.test")
    t.true("uota" in row["last_error"], row["last_error"])
    event = [e for e in daemon.events("attempt.finished") if e["to"] == "bob@example.test"][-1]
    t.true(event["status"] in ("4.2.2", "5.2.2"), event["status"])
    t.note(f"a full mailbox: {row['last_error']}")

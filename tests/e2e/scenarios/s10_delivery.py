"""From an accepted recipient to a file in a Maildir: lookup, failure, retry, nothing twice."""
import os
import shutil
import stat
import time

from harness import maildir, messages, smtp
from harness.case import case
from harness.mail import send


@case()
def virtual_users(t):
    """Lookup order of a virtual table: user+tag@dom, user@dom, user+tag, user, @dom, @."""
    daemon = t.daemon(users=("alice", "bob", "carol", "dora"), virtual={
        "exact@example.test": "alice", "tag+x@example.test": "bob", "tag@example.test": "carol",
        "@example.test": "dora", "two@example.test": "alice, bob"})
    send(daemon, 1, "exact@example.test")
    send(daemon, 2, "tag+x@example.test")
    send(daemon, 3, "tag+y@example.test")
    send(daemon, 4, "ANYBODY@EXAMPLE.TEST")
    send(daemon, 5, "two@example.test")
    for user, numbers in (("alice", {1, 5}), ("bob", {2, 5}), ("carol", {3}), ("dora", {4})):
        delivered = daemon.wait_delivered(len(numbers), user)
        t.equal({m.content for m in delivered}, {messages.simple(n) for n in numbers}, user)


@case()
def unknown_user_and_foreign_domain(t):
    """550 at RCPT for a user that no table knows and for a domain that no rule takes."""
    daemon = t.daemon()
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        client.expect("RCPT TO:<nobody@example.test>", 550, "5.1.1")
        client.expect("RCPT TO:<alice@elsewhere.test>", 550, "5.7.1")
        client.expect("DATA", 554, "5.5.1")
        client.expect("RCPT TO:<alice@example.test>", 250, "2.1.5")
        smtp.check(client.data(messages.simple(1)), 250, "2.0.0")
    t.equal(len(daemon.wait_delivered(1)), 1)


@case()
def several_recipients_each_once(t):
    """One message for many: one file each, the same recipient twice is one file."""
    users = [f"user{number}" for number in range(40)]
    daemon = t.daemon(users=users)
    recipients = [f"{user}@example.test" for user in users]
    send(daemon, 1, *recipients, *recipients[:5])
    for user in users:
        t.equal([m.content for m in daemon.wait_delivered(1, user)], [messages.simple(1)], user)
    daemon.wait_queue_empty()
    time.sleep(0.2)
    t.equal([maildir.count(daemon.maildir_of(user)) for user in users], [1] * 40)


@case()
def aliases(t):
    """An alias table with a list and a chain."""
    daemon = t.daemon(text="""\
table aliases { "team" = "alice, bob", "chief" = "team" }
table base { "alice" = "{owner}:{mail}/alice",
              "bob" = "{owner}:{mail}/bob" }
listen on 127.0.0.1 port {port} hostname mx.example.test
action "local" maildir "{mail}/%{user.username}/Maildir" alias <aliases> userbase <base>
match from any for domain "example.test" action "local"
""")
    send(daemon, 1, "chief@example.test")
    send(daemon, 2, "alice@example.test")
    t.equal({m.content for m in daemon.wait_delivered(2, "alice")},
            {messages.simple(1), messages.simple(2)})
    t.equal([m.content for m in daemon.wait_delivered(1, "bob")], [messages.simple(1)])
    with daemon.client() as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        client.expect("RCPT TO:<stranger@example.test>", 550, "5.1.1")


@case()
def home_folder_of_the_userbase(t):
    """Without a path the Maildir lies in the user's home; its folders are private."""
    daemon = t.daemon(rules=['action "local" maildir virtual <users> userbase <base>',
                             'match from any for domain "example.test" action "local"'])
    send(daemon, 1, "alice@example.test")
    path = daemon.wait_delivered(1)[0].path
    t.true(path.startswith(daemon.maildir_of("alice") + "/new/"), path)
    for folder in ("", "tmp", "new", "cur"):
        mode = os.stat(os.path.join(daemon.maildir_of("alice"), folder)).st_mode
        t.equal(stat.S_IMODE(mode), 0o700, f"mode of Maildir/{folder}")
    t.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the message")
    t.equal(maildir.unfinished(daemon.maildir_of("alice")), [], "files in tmp")


def obstruct(daemon, user):
    """Put a file where the Maildir belongs: no delivery can work, not even as root."""
    path = daemon.maildir_of(user)
    shutil.rmtree(path, ignore_errors=True)
    with open(path, "wb"):
        pass
    return path


@case()
def retry_until_the_maildir_works(t):
    """A delivery that cannot be made is tried again with growing pauses, and made once."""
    daemon = t.daemon(directives=["queue retry-interval 1s"])
    path = obstruct(daemon, "alice")
    started = time.monotonic()
    identifier = send(daemon, 1, "alice@example.test", "bob@example.test")
    t.equal(len(daemon.wait_delivered(1, "bob")), 1)
    row = t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] >= 2],
                       "a second attempt", 20)[0]
    t.equal((row["id"], row["to"]), (identifier, "alice@example.test"))
    t.true(row["last_error"], "the queue says why")
    t.true(time.monotonic() - started >= 0.9, "not before the pause is over")
    os.remove(path)
    t.equal(len(daemon.wait_delivered(1, "alice", 30)), 1)
    daemon.wait_queue_empty()
    results = [event["result"] for event in daemon.events("attempt.finished")
               if event["to"] == "alice@example.test"]
    t.true(results[-1] == "delivered" and set(results[:-1]) == {"delayed"}, f"{results}")
    t.equal(len(daemon.delivered("bob")), 1, "bob got it once")


@case()
def retry_survives_a_restart(t):
    """What could not be delivered is still there after a clean restart and after a kill."""
    daemon = t.daemon(directives=["queue retry-interval 1s"])
    path = obstruct(daemon, "alice")
    send(daemon, 1, "alice@example.test", "bob@example.test")
    t.equal(len(daemon.wait_delivered(1, "bob")), 1)
    t.eventually(lambda: [r for r in daemon.queue() if r["attempts"] >= 1], "an attempt")
    daemon.stop()
    daemon.start()
    t.equal(len(daemon.queue()), 1, "queue after a restart")
    daemon.kill()
    daemon.start()
    t.equal([row["to"] for row in daemon.queue()], ["alice@example.test"])
    os.remove(path)
    t.equal(len(daemon.wait_delivered(1, "alice", 60)), 1)
    daemon.wait_queue_empty()
    t.equal(len(daemon.delivered("bob")), 1, "bob got it once")


@case()
def expiry(t):
    """After queue ttl a message is kept but not tried again, until the operator says so."""
    daemon = t.daemon(directives=["queue retry-interval 1s", "queue ttl 3s"])
    path = obstruct(daemon, "alice")
    identifier = send(daemon, 1, "alice@example.test")
    t.eventually(lambda: daemon.statistics()["ringpost_delivery_expired_total"] == 1,
                 "the recipient has expired", 20)
    # It is counted before it is recorded.
    attempts = t.eventually(lambda: [row for row in daemon.queue() if row["state"] == "held"],
                            "the recipient is held")[0]["attempts"]
    time.sleep(3)
    t.equal(daemon.queue()[0]["attempts"], attempts, "attempts after the expiry")
    os.remove(path)
    daemon.control_ok("schedule", identifier)
    t.equal(len(daemon.wait_delivered(1)), 1)
    daemon.wait_queue_empty()


@case()
def nothing_twice_in_normal_operation(t):
    """A thousand messages, clean restarts in between: each is there exactly once."""
    daemon = t.daemon()
    sent = []
    for life in range(3):
        with daemon.client() as client:
            client.hello()
            for number in range(90):
                reply = client.transaction(messages.simple(life * 90 + number), "data-pipelined")
                smtp.check(reply, 250, "2.0.0")
                sent.append(reply.queue_id)
        daemon.stop()
        daemon.start()
    daemon.wait_queue_empty()
    delivered = [message.queue_id for message in daemon.delivered()]
    t.equal(sorted(delivered), sorted(sent), "delivered ids")

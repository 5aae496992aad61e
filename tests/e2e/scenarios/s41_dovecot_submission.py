"""Dovecot's submission service before ours: it authenticates at our port, and relays to it."""
import base64
import crypt
import os
import smtplib

from harness import certificates, dovecot
from harness.case import case
from harness.daemon import free_port

password = "correct horse"
wrong = "battery staple"
host = "localhost"  # as Dovecot connects to it, and asks its certificate for
message = b"Subject: by way of Dovecot\r\n\r\n.a dot, and no date\r\n"


class World:
    """A daemon whose only listeners demand TLS and a user of the table; mail is for alice."""

    def __init__(self, t):
        if dovecot.program() is None or not os.path.exists("/usr/lib/dovecot/submission"):
            t.skip("Dovecot's submission service is not installed (package dovecot-submissiond)")
        self.authority = certificates.Authority(t)
        pki = self.authority.pki("server", [host])
        rows = ", ".join(f'"{user}" = "{crypt.crypt(password, crypt.METHOD_SHA512)}"'
                         for user in ("alice", "relay"))
        self.port_smtps = free_port()
        self.daemon = t.daemon(users=["alice"], arguments=("-v",), text=(
            f"{pki}table creds {{ {rows} }}\n"
            'table users { "@example.test" = "alice" }\n'
            'table base { "alice" = "{owner}:{mail}/alice" }\n'
            f"listen on 127.0.0.1 port {{port}} hostname {host} tls-require pki server auth <creds>"
            " received-auth\n"
            f"listen on 127.0.0.1 port {self.port_smtps} hostname {host} smtps pki server"
            " auth <creds> received-auth\n"
            'action "local" maildir "{mail}/alice/Maildir" virtual <users> userbase <base>\n'
            'match auth from any for domain "example.test" action "local"\n'))
        self.test = t

    def submission(self, name, settings):
        return dovecot.Submission(self.test, name, settings, self.authority.certificate)

    def expect_mail(self, count, user):
        """So many messages, the newest of them from this user of ours by ESMTPSA."""
        self.daemon.wait_delivered(count)
        last = self.daemon.events("message.accepted")[-1]
        session = self.daemon.events("auth.accepted")[-1]
        self.test.equal(session["user"], user, "who authenticated")
        received = [b" ".join(one.received.split()) for one in self.daemon.delivered()]
        named = [one for one in received if last["id"].encode() in one]
        self.test.true(len(named) == 1 and b" with ESMTPSA " in named[0], f"{named}")
        self.test.true(f"(auth=yes user={user})".encode() in named[0], f"the user in {named}")


def send(port, user, text, recipient="bob@example.test"):
    """By Python's client through Dovecot; the code of the first refusal, or 250."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        try:
            client.login(user, text)
            client.sendmail("alice@example.test", [recipient], message)
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code
        except smtplib.SMTPRecipientsRefused as refused:
            return next(iter(refused.recipients.values()))[0]
    return 250


@case(seconds=90)
def dovecot_relays_as_one_user(t):
    """Dovecot knows the users; it logs in at ours as one, by STARTTLS and by TLS at once."""
    world = World(t)
    users = t.path("users-of-dovecot")
    with open(users, "w", encoding="ascii") as file:
        file.write("carol:{PLAIN}secret\n")
    os.chmod(users, 0o644)
    for count, (tls, port) in enumerate((("starttls", world.daemon.port),
                                         ("smtps", world.port_smtps)), 1):
        relay = (f"submission_relay_host = {host}\nsubmission_relay_port = {port}\n"
                 f"submission_relay_ssl = {tls}\nsubmission_relay_user = relay\n"
                 f"passdb {{\n  driver = passwd-file\n  args = {users}\n}}\n")
        good = world.submission(f"good-{tls}",
                                relay + f"submission_relay_password = {password}\n")
        t.equal(send(good.port, "carol", "secret"), 250, good.log())
        world.expect_mail(count, "relay")
        t.equal(send(good.port, "carol", "secret", "x@elsewhere.example"), 550, "our verdict")
        t.equal(send(good.port, "carol", wrong), 535, "a stranger to Dovecot")
        good.end()
    bad = world.submission("bad", relay + f"submission_relay_password = {wrong}\n")
    t.true(send(bad.port, "carol", "secret") >= 400, "a relay that must not")
    t.true(world.daemon.events("auth.refused"), "we refused it")


@case(seconds=90)
def dovecot_passes_the_login_on(t):
    """As a proxy before ours: the user's own password decides, and ours is the verdict."""
    world = World(t)
    proxy = world.submission("proxy", (
        "passdb {\n  driver = static\n  args = proxy=y nopassword=y "
        f"host=127.0.0.1 port={world.daemon.port} starttls=any-cert\n}}\n"
        "login_trusted_networks =\n"))
    t.equal(send(proxy.port, "alice", password), 250, proxy.log())
    world.expect_mail(1, "alice")
    t.equal(send(proxy.port, "alice", wrong), 535, "a wrong password")
    t.equal([one["user"] for one in world.daemon.events("auth.refused")], ["alice"])
    with open(world.daemon.log_path, encoding="utf-8", errors="replace") as file:
        log = file.read()
    for text in (password, wrong, base64.b64encode(password.encode()).decode()[:-4]):
        t.true(text not in log, "a password stands in the log")

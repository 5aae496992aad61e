"""One Dovecot under test: IMAP and LMTP on loopback, without privileges, all files in one folder."""
import imaplib
import os
import shutil
import signal
import subprocess

from harness import account, daemon, smtp

password = "secret"

text = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
mail_plugins = quota
stats_writer_socket_path =
passdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
plugin {{
  quota = maildir:mailbox
}}
protocol lmtp {{
  postmaster_address = postmaster@example.test
  auth_username_format = %Ln
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
  unix_listener {folder}/lmtp {{
    mode = 0600
  }}
}}
"""


def program():
    """The server, or None where it is not installed."""
    return shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Dovecot:
    """Serves the users of a Daemon, whose homes and account it shares; ends with the case.

    limits  octets that a user's mailbox may hold, {user: octets}
    """

    def __init__(self, test, ringpost, limits=None):
        self.test = test
        self.folder = test.path("dovecot")
        self.imap_port = daemon.free_port()
        self.lmtp_port = daemon.free_port()
        self.socket = os.path.join(self.folder, "lmtp")
        os.makedirs(os.path.join(self.folder, "run"))
        owner = ringpost.account or account.Account(*owner_of_ourselves())
        with open(os.path.join(self.folder, "users"), "w", encoding="ascii") as file:
            for user in ringpost.users:
                extra = (limits or {}).get(user)
                extra = f"userdb_quota_rule=*:bytes={extra}" if extra else ""
                file.write(f"{user}:{{PLAIN}}{password}:{owner.uid}:{owner.gid}::"
                           f"{ringpost.home_of(user)}::{extra}\n")
        self.configuration_path = os.path.join(self.folder, "dovecot.conf")
        with open(self.configuration_path, "w", encoding="ascii") as file:
            file.write(text.format(folder=self.folder, user=owner.name, group=group_name(owner.gid),
                                   imap_port=self.imap_port, lmtp_port=self.lmtp_port))
        account.give(ringpost.account, self.folder)
        self.process = subprocess.Popen(
            [program(), "-F", "-c", self.configuration_path], stdin=subprocess.DEVNULL,
            cwd=self.folder, **account.popen_arguments(ringpost.account))
        test.defer(self.end)
        test.eventually(self.serves, "Dovecot serves", 20)

    def serves(self):
        if self.process.poll() is not None:
            raise AssertionError("Dovecot did not start:\n" + self.log())
        try:
            with self.imap("nobody-yet"):
                pass
        except imaplib.IMAP4.error:
            return True  # it refuses the user, so it is there
        except OSError:
            return False
        return True

    def imap(self, user):
        """A session of a user, logged in."""
        session = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=20)
        session.login(user, password)
        return session

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("Dovecot did not stop") from None


submission_text = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = submission
listen = 127.0.0.1
hostname = dovecot.test
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail
stats_writer_socket_path =
ssl_client_ca_file = {authority}
{settings}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}
}}
service anvil {{
  chroot =
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


class Submission:
    """Dovecot's submission service at `port`; ends with the case.

    settings   whom it asks for passwords and where it relays to, lines of its configuration
    authority  the file of who has signed the relay's certificate
    """

    def __init__(self, test, name, settings, authority):
        self.folder = test.path(name)
        self.port = daemon.free_port()
        os.makedirs(os.path.join(self.folder, "run"))
        ours = account.unprivileged()
        owner = ours or account.Account(*owner_of_ourselves())
        path = os.path.join(self.folder, "dovecot.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(submission_text.format(
                folder=self.folder, user=owner.name, group=group_name(owner.gid), port=self.port,
                settings=settings, authority=authority))
        account.give(ours, self.folder)
        self.process = subprocess.Popen([program(), "-F", "-c", path], stdin=subprocess.DEVNULL,
                                        cwd=self.folder, **account.popen_arguments(ours))
        test.defer(self.end)
        test.eventually(self.serves, "Dovecot's submission service: " + self.log(), 20)

    def serves(self):
        if self.process.poll() is not None:
            raise AssertionError("Dovecot did not start:\n" + self.log())
        try:
            with smtp.Client("127.0.0.1", self.port, timeout=5) as client:
                client.quit()
            return True
        except OSError:
            return False

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def end(self):
        helpers = daemon.family(self.process.pid)[1:]
        self.process.terminate()
        self.process.wait(20)
        for pid in helpers:  # they serve whoever is connected for many seconds more
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def owner_of_ourselves():
    import pwd
    entry = pwd.getpwuid(os.getuid())
    return entry.pw_name, entry.pw_uid, entry.pw_gid


def group_name(gid):
    import grp
    return grp.getgrgid(gid).gr_name

"""A scripted SMTP server that speaks TLS, by Python's ssl (OpenSSL), and knows users."""
import base64
import contextlib
import ssl

from harness import lmtp


class TlsServer(lmtp.Server):
    """An lmtp.Server by SMTP with a certificate.

    implicit     TLS from the first octet instead of STARTTLS
    login        "user:password" that AUTH takes; messages without it are refused
    mechanisms   what AUTH announces
    at_starttls  the reply to STARTTLS, and octets behind it that come in the clear
    drops        what happens instead of handshakes: the connection is closed
    clients_by   a file of authorities: every client has to show a certificate of theirs

    Messages get tls (the version, None in the clear), resumed, server_name (what the client asked
    for), login and certificate (its subject).
    """

    def __init__(self, test, certificate, key, *, implicit=False, login=None, version=None,
                 mechanisms="PLAIN LOGIN", at_starttls=("220 2.0.0 Go", b""), drops=False,
                 clients_by=None, **options):
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)
        self.context.sni_callback = self.note_server_name
        if version is not None:
            self.context.minimum_version = self.context.maximum_version = version
        if clients_by is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients_by)
        self.implicit = implicit
        self.login = login
        self.mechanisms = mechanisms
        self.at_starttls = at_starttls
        self.drops = drops
        self.names = {}
        self.handshakes_failed = []
        super().__init__(test, smtp=True, **options)

    def note_server_name(self, connection, name, _context):
        self.names[connection] = name

    def serve(self, connection, facts):
        connection.settimeout(60)
        facts.update(tls=None, resumed=None, server_name=None, login=None)
        with contextlib.ExitStack() as open_files:
            facts["open"] = (open_files, connection)
            open_files.enter_context(connection)
            try:
                stream = open_files.enter_context(connection.makefile("rwb"))
                if self.implicit:
                    stream = self.encrypt(facts)
                self.converse(stream, facts)
            except (OSError, ValueError):
                pass  # the client went away

    def encrypt(self, facts):
        open_files, connection = facts.pop("open")
        if self.drops:
            raise OSError("as told")
        try:
            secure = self.context.wrap_socket(connection, server_side=True)
        except OSError as error:
            self.handshakes_failed.append(str(error))
            raise
        open_files.enter_context(secure)
        facts.update(tls=secure.version(), resumed=secure.session_reused,
                     server_name=self.names.get(secure), certificate=secure.getpeercert())
        return open_files.enter_context(secure.makefile("rwb"))

    def told(self, facts):
        return {name: value for name, value in facts.items() if name != "open"}

    def announced_now(self, facts):
        lines = list(self.announced)
        if facts["tls"] is None:
            lines.append("STARTTLS")
        elif self.login is not None:
            lines.append("AUTH " + self.mechanisms)
        return lines

    def other(self, stream, line, facts):
        words = line.split()
        if words[0].upper() == b"STARTTLS":
            reply, injected = self.at_starttls
            stream.write(reply.encode() + b"\r\n" + injected)
            stream.flush()
            return self.encrypt(facts) if reply.startswith("2") else stream
        if words[0].upper() == b"AUTH" and self.login is not None:
            self.authenticate(stream, words, facts)
            return stream
        return super().other(stream, line, facts)

    def authenticate(self, stream, words, facts):
        if words[1].upper() == b"PLAIN":
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
        else:
            answers = []
            for question in (b"Username:", b"Password:"):
                lmtp.say(stream, "334 " + base64.b64encode(question).decode())
                answers.append(base64.b64decode(stream.readline()).decode())
            user, password = answers
        if f"{user}:{password}" != self.login:
            lmtp.say(stream, "535 5.7.8 Wrong")
            return
        facts["login"] = user
        lmtp.say(stream, "235 2.7.0 Welcome")

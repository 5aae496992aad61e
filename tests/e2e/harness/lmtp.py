"""A scripted LMTP or SMTP server: takes messages, and answers each recipient as it is told."""
import os
import socket
import threading


class Server:
    """Listens on loopback, or on a Unix socket when `path` is given. Ends with the case.

    at_rcpt, at_end  replies by the path in RCPT, instead of 250; may be changed at any time; by SMTP
                     the first recipient's counts at the end
    greeting, announced  the first reply, and the lines of the reply to EHLO or LHLO
    messages         what came: dictionaries with connection, client (its address), hello, sender,
                     recipients, content, and the lines of MAIL and RCPT
    hello            the last name that a client said it has
    """

    def __init__(self, test, path=None, owner=None, smtp=False, announced=None,
                 address=("127.0.0.1", 0)):
        self.smtp = smtp
        self.greeting = "220 lmtp.test ready"
        self.announced = announced or ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]
        self.hello = None
        self.messages = []
        self.connections = 0
        self.at_rcpt = {}
        self.at_end = {}
        self.hangs = threading.Event()  # set: no reply to the end of a message until cleared
        self.lock = threading.Lock()
        if path is None:
            self.listener = socket.create_server(address)
            self.destination = f"{address[0]}:{self.listener.getsockname()[1]}"
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen()
            if owner is not None:
                os.chown(path, owner.uid, owner.gid)
            self.destination = path
        self.ended = False
        threading.Thread(target=self.accept, daemon=True).start()
        test.defer(self.end)

    def end(self):
        self.ended = True
        self.hangs.clear()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # accept() in the thread would keep it open
        except OSError:
            pass
        self.listener.close()

    def accept(self):
        while not self.ended:
            try:
                connection, client = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            facts = {"connection": self.connections, "client": client[0] if client else None}
            threading.Thread(target=self.serve, args=(connection, facts), daemon=True).start()

    def serve(self, connection, facts):
        connection.settimeout(60)
        with connection, connection.makefile("rwb") as stream:
            try:
                self.converse(stream, facts)
            except (OSError, ValueError):
                pass  # the client went away

    def converse(self, stream, facts):
        say(stream, self.greeting)
        message = None
        while line := stream.readline():
            verb = line[:4].upper()
            if verb == (b"EHLO" if self.smtp else b"LHLO"):
                self.hello = facts["hello"] = line[4:].decode().strip()
                lines = ["lmtp.test", *self.announced_now(facts)]
                say(stream, *("250-" + one for one in lines[:-1]), "250 " + lines[-1])
            elif verb == b"MAIL":
                message = {**self.told(facts), "sender": path_of(line), "recipients": [],
                           "lines": [line.decode().strip()]}
                say(stream, "250 2.1.0 Ok")
            elif verb == b"RCPT":
                path = path_of(line)
                message["lines"].append(line.decode().strip())
                reply = self.at_rcpt.get(path, "250 2.1.5 Ok")
                if reply.startswith("2"):
                    message["recipients"].append(path)
                say(stream, reply)
            elif verb == b"DATA":
                self.take(stream, message)
            elif verb == b"QUIT":
                say(stream, "221 2.0.0 Bye")
                return
            else:
                stream = self.other(stream, line, facts)

    def told(self, facts):
        """What a message says of its connection."""
        return facts

    def announced_now(self, _facts):
        return self.announced

    def other(self, stream, line, facts):
        """Any other command; the stream on which the dialogue goes on."""
        say(stream, "250 2.0.0 Ok")
        return stream

    def take(self, stream, message):
        if not message["recipients"]:
            say(stream, "503 5.5.1 No recipients")
            return
        say(stream, "354 go")
        lines = []
        for line in stream:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        message["content"] = b"".join(lines)
        with self.lock:
            self.messages.append(message)
        while self.hangs.is_set() and not self.ended:
            threading.Event().wait(0.05)
        for path in message["recipients"][:1 if self.smtp else None]:
            say(stream, self.at_end.get(path, f"250 2.0.0 <{path}> saved"))


def path_of(line):
    return line.decode()[line.index(b"<") + 1:line.rindex(b">")]


def say(stream, *lines):
    stream.write("".join(line + "\r\n" for line in lines).encode())
    stream.flush()

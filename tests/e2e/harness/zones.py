"""A DNS server on loopback whose zone changes while it runs, and which can be as rude as a case likes."""
import socket
import struct
import threading

from harness.nameserver import free_port

types = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
failing = object()  # as a record: everything else of the name is answered with SERVFAIL
silent = object()   # everything else of the name is not answered


def wire_name(text):
    labels = [label for label in text.encode("latin-1").split(b".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def wire_data(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value
        return struct.pack("!H", preference) + wire_name(host)
    if kind == "TXT":
        octets = value.encode("latin-1")
        parts = [octets[at:at + 255] for at in range(0, len(octets), 255)] or [b""]
        return b"".join(bytes([len(part)]) + part for part in parts)
    return wire_name(value)


class Zones:
    """`records` maps a name to its records: (type, value), `failing` or `silent`. Set it at will."""

    def __init__(self, test, records=None):
        self.records = records or {}
        self.frozen = None
        self.port = free_port()
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.datagrams.bind(("127.0.0.1", self.port))
        self.stream = socket.socket()
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.stream.bind(("127.0.0.1", self.port))
        self.stream.listen(8)
        for serve in (self.serve_datagrams, self.serve_stream):
            threading.Thread(target=serve, daemon=True).start()
        test.defer(self.datagrams.close)
        test.defer(self.stream.close)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def freeze(self):
        """The records as they are now stay; makes a large zone quick."""
        self.frozen = {key.lower(): value for key, value in self.records.items()}

    def serve_datagrams(self):
        while True:
            try:
                question, client = self.datagrams.recvfrom(4096)
            except OSError:
                return
            answer = self.answer(question)
            if answer is None:
                continue
            if len(answer) > 1232:  # truncated: the header and the question alone
                end = self.end_of_question(question)
                answer = answer[:2] + b"\x87\x80" + b"\0\1\0\0\0\0\0\0" + question[12:end]
            try:
                self.datagrams.sendto(answer, client)
            except OSError:  # the case has ended
                return

    def serve_stream(self):
        while True:
            try:
                call, _ = self.stream.accept()
            except OSError:
                return
            with call:
                octets = call.recv(4096)
                answer = self.answer(octets[2:])
                if answer is not None:
                    call.sendall(struct.pack("!H", len(answer)) + answer)

    @staticmethod
    def end_of_question(question):
        at = 12
        while question[at]:
            at += 1 + question[at]
        return at + 5

    def answer(self, question):
        end = self.end_of_question(question)
        name, at = [], 12
        while question[at]:
            name.append(question[at + 1:at + 1 + question[at]])
            at += 1 + question[at]
        owner = b".".join(name).decode("latin-1").lower()
        kind = struct.unpack("!H", question[at + 1:at + 3])[0]
        records = self.frozen or {key.lower(): value for key, value in self.records.items()}
        code = 0 if owner in records else 3
        answers = []
        while owner in records:
            here = records[owner]
            chosen = [record for record in here if isinstance(record, tuple)
                      and types[record[0]] in (kind, 5)]
            for one, value in chosen:
                data = wire_data(one, value)
                answers.append(wire_name(owner) + struct.pack("!HHIH", types[one], 1, 60, len(data))
                               + data)
            if not chosen and silent in here:
                return None
            if not chosen and failing in here:
                code = 2
            alias = [value for one, value in chosen if one == "CNAME" and kind != 5]
            if not alias or len(answers) > 40:
                break
            owner = alias[0].lower()
        return (question[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(answers), 0, 0)
                + question[12:end] + b"".join(answers))

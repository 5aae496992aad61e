"""The mail server's side of the milter protocol, as far as a signer needs it: a message goes in, the
fields that it puts in front come out."""
import re
import socket
import struct

actions_all, keeps_blanks = 0x1ff, 0x100000  # SMFIF_*; SMFIP_HDR_LEADSPC


class Milter:
    """One connection, for one message."""

    def __init__(self, port, client="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.send(b"O", struct.pack(">III", 6, actions_all, keeps_blanks))
        code, data = self.receive()
        assert code == b"O", code
        self.steps = struct.unpack(">III", data[:12])[2]
        self.ask(b"C", b"h.test\0004" + struct.pack(">H", 1025) + client.encode() + b"\0", 0x1)
        self.ask(b"H", b"h.test\0", 0x2)

    def close(self):
        self.send(b"Q")
        self.file.close()
        self.socket.close()

    def send(self, code, data=b""):
        self.socket.sendall(struct.pack(">I", len(data) + 1) + code + data)

    def receive(self):
        (size,) = struct.unpack(">I", self.file.read(4))
        packet = self.file.read(size)
        return packet[:1], packet[1:]

    def ask(self, code, data, unwanted):
        """Send a step, unless the filter said that it does not want it (SMFIP_NO*)."""
        if self.steps & unwanted:
            return
        self.send(code, data)
        while True:
            answer, text = self.receive()
            if answer != b"p":  # progress
                assert answer == b"c", (code, answer, text)
                return

    def message(self, content, sender, recipient):
        """The fields that are to be inserted on top, in their order, with their line ends."""
        header, _, body = content.partition(b"\r\n\r\n")
        self.ask(b"M", b"<" + sender + b">\0", 0x4)
        self.ask(b"R", b"<" + recipient + b">\0", 0x8)
        self.ask(b"T", b"", 0x200)
        for field in re.split(rb"\r\n(?![ \t])", header):
            name, _, value = field.partition(b":")
            if not self.steps & keeps_blanks:
                value = value.lstrip(b" ")
            self.ask(b"L", name + b"\0" + value.replace(b"\r\n", b"\n") + b"\0", 0x20)
        self.ask(b"N", b"", 0x40)
        for at in range(0, len(body), 65535):
            self.ask(b"B", body[at:at + 65535], 0x10)
        self.send(b"E")
        return self.inserted()

    def inserted(self):
        fields = []
        while True:
            code, data = self.receive()
            if code in b"ih":  # insert at a place, append
                name, value = (data[4:] if code == b"i" else data).split(b"\0")[:2]
                blank = b"" if self.steps & keeps_blanks else b" "
                fields.insert(0, name + b":" + blank + re.sub(rb"\r?\n", b"\r\n", value) + b"\r\n")
            elif code in b"ac":
                return fields
            else:
                assert code == b"p", (code, data)

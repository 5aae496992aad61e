"""Read a Maildir strictly: each file is three trace fields and the content as it was sent.

In a Maildir lines end with LF. `raw` is what the file holds; `content` has CRLF put back, so that
it can be compared with what went over the wire: the mapping loses nothing as long as no bare LF was
sent, and a CRLF that delivery left in the file shows as CR CR LF.
"""
import hashlib
import os
import re

received_id = re.compile(rb"\bid ([0-9a-f]{16})\b")


class Malformed(AssertionError):
    """A delivered file does not begin with exactly the trace fields that delivery adds."""


class Message:
    """One delivered file."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            raw = file.read()
        return_path, raw = take_field(raw, b"Return-Path", path)
        delivered_to, raw = take_field(raw, b"Delivered-To", path)
        if raw.startswith(b"Authentication-Results: "):  # of a listener that says who is logged in
            _, raw = take_field(raw, b"Authentication-Results", path)
        self.received, self.raw = take_field(raw, b"Received", path)
        self.content = on_the_wire(self.raw)
        self.return_path = return_path.strip().decode("utf-8")
        self.delivered_to = delivered_to.strip().decode("utf-8")
        found = received_id.search(self.received)
        if not found:
            raise Malformed(f"{path}: the Received field names no queue id: {self.received!r}")
        self.queue_id = found.group(1).decode("ascii")

    def holds(self, content):
        """True when the file is three trace fields and exactly this content after them.

        Needed for a content that begins with a blank: it looks like more of the Received field.
        """
        with open(self.path, "rb") as file:
            whole = on_the_wire(file.read())
        fields, found = whole[:len(whole) - len(content)], whole[len(whole) - len(content):]
        lines = [line for line in fields.split(b"\r\n")[:-1] if line[:1] not in (b" ", b"\t")]
        names = [line.partition(b":")[0] for line in lines]
        return (hashlib.sha256(found).digest() == hashlib.sha256(content).digest()
                and fields.endswith(b"\r\n")
                and names == [b"Return-Path", b"Delivered-To", b"Received"])


def on_the_wire(octets):
    return octets.replace(b"\n", b"\r\n")


def take_field(raw, name, path):
    """The value of the first header field, unfolded lines included, and what follows it."""
    start = name + b": "
    if not raw.startswith(start):
        raise Malformed(f"{path}: {name.decode()} expected, found {raw[:60]!r}")
    end = 0
    while True:
        end = raw.find(b"\n", end)
        if end < 0:
            raise Malformed(f"{path}: {name.decode()} has no end")
        end += 1
        if raw[end:end + 1] not in (b" ", b"\t"):
            return raw[len(start):end], raw[end:]


def files(path):
    """Paths of all messages, new and seen."""
    found = []
    for folder in ("new", "cur"):
        directory = os.path.join(path, folder)
        if os.path.isdir(directory):
            found += [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
    return found


def count(path):
    return len(files(path))


def read(path):
    return [Message(file) for file in files(path)]


def unfinished(path):
    """Files that a delivery left in tmp."""
    directory = os.path.join(path, "tmp")
    return os.listdir(directory) if os.path.isdir(directory) else []

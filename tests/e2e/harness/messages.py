"""Messages of our own making: the files of tests/corpus and several hundred generated ones.

Generation is a pure function of the seed, so a failing sample can be made again from its name.
"""
import base64
import collections
import os
import quopri
import random

# needs_bdat: the content cannot be sent by DATA as it is (no final CRLF).
Sample = collections.namedtuple("Sample", "name content needs_bdat")

seed = 20261123
corpus = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "corpus")

words = ("harbour ledger invoice orchard lantern meeting parcel window quiet river notice garden "
         "receipt morning engine paper signal bridge answer forward market copper train violet "
         "weather kitchen travel subject second column question timetable north reply").split()
foreign = ("Grüße aus Köln", "naïve façade", "žluťoučký kůň", "日本語の件名",
           "Привет, мир", "café ☕ at 5", "ελληνικά", "😀 emoji first", "שלום", "مرحبا")


def sentence(rng, count=12):
    return " ".join(rng.choice(words) for _ in range(count)).capitalize() + "."


def paragraph(rng, lines):
    return crlf(sentence(rng, rng.randint(3, 12)) for _ in range(lines))


def crlf(lines):
    return b"".join((line if isinstance(line, bytes) else line.encode("utf-8")) + b"\r\n"
                    for line in lines)


def header(rng, number, subject=None, more=()):
    """The fields that a mail client writes, in one of several orders."""
    fields = [
        f"Date: Mon, {1 + number % 28} Nov 2026 {number % 24:02}:{number % 60:02}:07 +0100",
        f"From: {rng.choice(words).capitalize()} <sender{number}@client.test>",
        "To: Alice <alice@example.test>",
        f"Subject: {subject or sentence(rng, 5)}",
        f"Message-ID: <{number}.{rng.getrandbits(48):x}@client.test>"]
    rng.shuffle(fields)
    return crlf([*fields, *more])


def multipart(rng, kind, parts, depth=0):
    """(header fields, body) of a multipart entity."""
    boundary = f"--=_{kind}_{depth}_{rng.getrandbits(40):x}"
    pieces = [b"This is a message with several parts.\r\n"]
    for part_fields, part_body in parts:
        pieces += [crlf(["--" + boundary, *part_fields, ""]), part_body, b"\r\n"]
    pieces.append(crlf([f"--{boundary}--"]))
    return [f'Content-Type: multipart/{kind}; boundary="{boundary}"'], b"".join(pieces)


def text_part(rng, lines=6):
    return ["Content-Type: text/plain; charset=utf-8"], paragraph(rng, lines)


def binary_part(rng, octets, name="report.pdf"):
    lines = base64.encodebytes(rng.randbytes(octets)).replace(b"\n", b"\r\n")
    return [f'Content-Type: application/octet-stream; name="{name}"',
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{name}"'], lines


# Each maker returns the content of one sample.

def plain(rng, number):
    return header(rng, number) + b"\r\n" + paragraph(rng, rng.randint(1, 60))


def long_lines(rng, number):
    length = rng.choice((76, 77, 78, 79, 80, 510, 511, 512, 513, 990, 996, 997, 998))
    lines = ["".join(rng.choice("abcdefgh ") for _ in range(length)) for _ in range(8)]
    return header(rng, number) + b"\r\n" + crlf(lines)


def dotted(rng, number):
    choices = (".", "..", "...", ". ", ".x", "..x", " .", "x.", ".\t", "QUIT", ".QUIT", "")
    lines = [rng.choice(choices) for _ in range(rng.randint(1, 30))]
    return header(rng, number) + b"\r\n" + crlf(lines)


def eight_bit(rng, number):
    line = bytes(rng.choice(range(128, 256)) for _ in range(rng.randint(1, 200)))
    return (header(rng, number, more=("Content-Type: text/plain; charset=iso-8859-1",
                                      "Content-Transfer-Encoding: 8bit"))
            + b"\r\n" + crlf([line] * rng.randint(1, 20)))


def utf8_header(rng, number):
    return (header(rng, number, subject=rng.choice(foreign),
                   more=(f"X-Note: {rng.choice(foreign)}",))
            + b"\r\n" + crlf([rng.choice(foreign) for _ in range(5)]))


def encoded_header(rng, number):
    word = base64.b64encode(rng.choice(foreign).encode()).decode()
    return (header(rng, number, subject=f"=?utf-8?B?{word}?=\r\n =?utf-8?B?{word}?=")
            + b"\r\n" + paragraph(rng, 3))


def folded_header(rng, number):
    references = "\r\n".join(f" <{rng.getrandbits(64):x}@client.test>" for _ in range(30))
    return (header(rng, number, more=("References:" + references, "X-Empty:", "X-Tab:\tvalue",
                                      "X-Folded: a\r\n\tb\r\n   c"))
            + b"\r\n" + paragraph(rng, 4))


def long_header(rng, number):
    return (header(rng, number, more=("X-Long: " + "h" * 980, *(f"X-Field-{i}: {i}"
                                                               for i in range(200))))
            + b"\r\n" + paragraph(rng, 2))


def alternative(rng, number):
    html = ["Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable"]
    page = f"<html><body><p>{sentence(rng, 60)} {rng.choice(foreign)}</p></body></html>\n"
    coded = quopri.encodestring(page.encode()).replace(b"\n", b"\r\n")
    fields, body = multipart(rng, "alternative", [text_part(rng), (html, coded)])
    return header(rng, number, more=["MIME-Version: 1.0", *fields]) + b"\r\n" + body


def nested(rng, number):
    entity = text_part(rng)
    depth_max = rng.randint(2, 12)
    for depth in range(depth_max):
        kind = rng.choice(("mixed", "alternative", "related", "digest", "parallel"))
        entity = multipart(rng, kind, [text_part(rng, 2), entity], depth)
    fields, body = entity
    return header(rng, number, more=["MIME-Version: 1.0", *fields]) + b"\r\n" + body


def forwarded(rng, number):
    inner = plain(rng, number + 1000)
    fields, body = multipart(rng, "mixed", [text_part(rng), (["Content-Type: message/rfc822"],
                                                             inner)])
    return header(rng, number, more=["MIME-Version: 1.0", *fields]) + b"\r\n" + body


def attachment(rng, number):
    size = rng.choice((1, 100, 4095, 4096, 4097, 20_000, 65_536, 300_000))
    fields, body = multipart(rng, "mixed", [text_part(rng), binary_part(rng, size)])
    return header(rng, number, more=["MIME-Version: 1.0", *fields]) + b"\r\n" + body


def large_attachment(rng, number):
    size = rng.choice((1_000_000, 3_000_000))
    fields, body = multipart(rng, "mixed", [text_part(rng), binary_part(rng, size)])
    return header(rng, number, more=["MIME-Version: 1.0", *fields]) + b"\r\n" + body


def broken_multipart(rng, number):
    fields, body = multipart(rng, "mixed", [text_part(rng), text_part(rng)])
    return (header(rng, number, more=["MIME-Version: 1.0", *fields]) + b"\r\n"
            + body[:rng.randrange(len(body))].rpartition(b"\r\n")[0] + b"\r\n")


def empty_body(rng, number):
    return header(rng, number) + b"\r\n"


def header_only(rng, number):
    return header(rng, number)


def no_header(rng, number):
    return b"\r\n" + paragraph(rng, 1 + number % 5)


def body_without_header(rng, number):
    return crlf([sentence(rng) for _ in range(1 + number % 7)])


def begins_with_a_blank(rng, number):
    """Looks like more of the field that is put before it."""
    first = rng.choice((" continued", "\tcontinued", " ", "  ."))
    return crlf([first, "Subject: x", ""]) + paragraph(rng, 1 + number)


def blank_lines(rng, number):
    return header(rng, number) + b"\r\n" * rng.randint(1, 50)


def trailing_blanks(rng, number):
    lines = [sentence(rng, 4) + rng.choice((" ", "  ", "\t", " \t ", "")) for _ in range(20)]
    return header(rng, number) + b"\r\n" + crlf([*lines, " ", "\t", "   "])


def from_lines(rng, number):
    lines = ["From here on the text looks like an mbox.", "From alice Mon Nov 23 00:00:00 2026",
             ">From quoted", ">>From quoted twice", sentence(rng)]
    return header(rng, number) + b"\r\n" + crlf(lines)


def control_octets(rng, number):
    octets = [bytes([value]) for value in range(1, 32) if value not in (10, 13)]
    return header(rng, number) + b"\r\n" + crlf([b"x" + octet + b"y" for octet in octets])


def own_trace(rng, number):
    """Fields that delivery adds, already there: they must stay where they are."""
    trace = ["Return-Path: <old@client.test>", "Delivered-To: old@elsewhere.test",
             "Received: from a.test by b.test; Mon, 23 Nov 2026 00:00:00 +0000"]
    rng.shuffle(trace)
    return crlf(trace) + header(rng, number) + b"\r\n" + paragraph(rng, 2)


def block_edges(rng, number):
    """Contents whose size lies on or beside a multiple of a page or a buffer."""
    target = rng.choice((4096, 8192, 16384, 32768, 65536)) + rng.choice((-3, -2, -1, 0, 1, 2, 3))
    start = header(rng, number) + b"\r\n"
    left = target - len(start)
    lines = []
    while left > 80:
        lines.append(b"z" * 76 + b"\r\n")
        left -= 78
    return start + b"".join(lines) + b"e" * (left - 2) + b"\r\n"


def without_last_line_end(rng, number):
    return plain(rng, number)[:-2]


def one_octet(rng, _number):
    return bytes([rng.choice(b"aZ09.")])


def with_nul(rng, number):
    return header(rng, number) + b"\r\n" + crlf([b"a\0b", b"\0", b"\0" * 300, rng.randbytes(0)])


def binary_like(rng, number):
    octets = bytes(rng.choice([value for value in range(256) if value not in (10, 13)])
                   for _ in range(rng.randint(1, 5000)))
    return header(rng, number) + b"\r\n" + octets


makers = {
    plain: 30, long_lines: 26, dotted: 30, eight_bit: 20, utf8_header: 20, encoded_header: 10,
    folded_header: 10, long_header: 6, alternative: 16, nested: 16, forwarded: 10,
    attachment: 24, broken_multipart: 16, empty_body: 6, header_only: 6, no_header: 6,
    body_without_header: 6, begins_with_a_blank: 6, blank_lines: 6, trailing_blanks: 10,
    from_lines: 4, control_octets: 2, own_trace: 6, block_edges: 35, large_attachment: 3}

bdat_makers = {without_last_line_end: 10, one_octet: 5, with_nul: 3, binary_like: 12}


def generated():
    """Every generated sample, in a fixed order."""
    samples = []
    for table, needs_bdat in ((makers, False), (bdat_makers, True)):
        for make, count in table.items():
            for number in range(count):
                rng = random.Random(f"{seed} {make.__name__} {number}")
                samples.append(Sample(f"{make.__name__}-{number}", make(rng, number), needs_bdat))
    return samples


def written(directory=corpus):
    """The messages in the files of a directory and below; lines may end with CRLF or with LF."""
    samples = []
    for folder, _, names in sorted(os.walk(directory)):
        for name in sorted(names):
            if name.endswith((".eml", ".msg")) or directory != corpus:
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                content = content.replace(b"\r\n", b"\n").replace(b"\r", b"")
                content = content.replace(b"\n", b"\r\n")
                samples.append(Sample(name, content, not content.endswith(b"\r\n")))
    return samples


def every(further=()):
    """All samples; `further` names directories with more messages."""
    return sum((written(directory) for directory in further), written() + generated())


def simple(number, octets=0, fields=()):
    """A small message that can be told apart by its number, filled up to a size."""
    start = crlf([f"Subject: message {number}", f"X-Number: {number}", *fields, "",
                  f"The text of message {number}."])
    left = octets - len(start)
    filling = b"0123456789abcdef" * 4 + b"\r\n"
    return start + (filling * (left // len(filling) + 1) if left > 0 else b"")

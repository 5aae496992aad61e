"""Every message of the corpus arrives octet for octet, whichever way it was sent."""
import collections

from harness import messages, smtp
from harness.case import case

session_messages = 50


def send_all(t, daemon, samples, mode):
    """Send samples over sessions of some messages each; returns {queue id: sample}."""
    sent = {}
    for start in range(0, len(samples), session_messages):
        with daemon.client() as client:
            client.hello()
            for sample in samples[start:start + session_messages]:
                reply = client.transaction(sample.content, mode)
                smtp.check(reply, 250, "2.0.0", f"{sample.name} by {mode}")
                sent[reply.queue_id] = sample
            client.quit()
    t.equal(len(sent), len(samples), "different queue ids")
    return sent


def compare(t, daemon, sent):
    """Each accepted message is there once, and after its trace fields it is what was sent."""
    delivered = daemon.wait_delivered(len(sent), seconds=60)
    counts = collections.Counter(message.queue_id for message in delivered)
    t.equal([key for key, number in counts.items() if number != 1], [], "delivered twice")
    t.equal(set(counts), set(sent), "ids delivered and ids acknowledged")
    for message in delivered:
        sample = sent[message.queue_id]
        if not message.holds(sample.content):
            raise AssertionError(f"{sample.name} differs: {first_difference(sample, message)}")


def first_difference(sample, message):
    pairs = zip(sample.content, message.content)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    if place is None:
        return f"{len(sample.content)} octets sent, {len(message.content)} delivered"
    return (f"at octet {place}: sent {sample.content[place:place + 40]!r}, "
            f"delivered {message.content[place:place + 40]!r}")


def corpus_by(t, mode):
    samples = [sample for sample in messages.every(t.corpora)
               if mode.startswith("bdat") or not sample.needs_bdat]
    t.true(len(samples) >= 300, "at least 300 samples")
    daemon = t.daemon()
    compare(t, daemon, send_all(t, daemon, samples, mode))
    t.note(f"{len(samples)} messages, {sum(len(s.content) for s in samples)} octets")


@case(seconds=120)
def corpus_by_data(t):
    corpus_by(t, "data")


@case(seconds=120)
def corpus_by_data_pipelined(t):
    corpus_by(t, "data-pipelined")


@case(seconds=120)
def corpus_by_data_in_pieces(t):
    corpus_by(t, "data-in-pieces")


@case(seconds=120)
def corpus_by_bdat(t):
    corpus_by(t, "bdat")


@case(seconds=120)
def corpus_by_bdat_chunks(t):
    corpus_by(t, "bdat-chunks")


@case(seconds=120)
def corpus_by_bdat_pipelined(t):
    corpus_by(t, "bdat-pipelined")


@case(seconds=120)
def sizes_around_the_limit(t):
    """A message of exactly the largest size passes; one octet more is refused."""
    limit = 1024 * 1024
    daemon = t.daemon(directives=["smtp max-message-size 1M"])
    whole = messages.simple(1, limit - 200)
    whole = whole[:limit - 2] if len(whole) > limit else whole + b"x" * (limit - 2 - len(whole))
    whole += b"\r\n"
    for mode in smtp.modes:
        with daemon.client() as client:
            client.hello()
            smtp.check(client.transaction(whole, mode), 250, "2.0.0", mode)
            client.quit()
    delivered = daemon.wait_delivered(len(smtp.modes))
    for message in delivered:
        t.true(message.content == whole, f"{message.path}: {len(message.content)} octets")
    for mode in ("data", "data-pipelined"):
        with daemon.client() as client:
            client.hello()
            smtp.check(client.transaction(whole[:-2] + b"y\r\n", mode), 552, "5.3.4", mode)
            client.expect("NOOP", 250)
    t.equal(len(daemon.delivered()), len(smtp.modes), "delivered")

"""One session that sends a message, or asks about a recipient."""
from harness import messages, smtp


def send(daemon, number, *recipients, sender="sender@client.test", content=None, mail="", rcpt="",
         **shape):
    """Send a message, by default messages.simple(number, **shape); its queue id.

    `mail` and `rcpt` are parameters of the commands, a blank before each.
    """
    with daemon.client() as client:
        client.hello()
        client.expect(f"MAIL FROM:<{sender}>{mail}", 250)
        for recipient in recipients:
            client.expect(f"RCPT TO:<{recipient}>{rcpt}", 250)
        reply = client.data(content or messages.simple(number, **shape))
        smtp.check(reply, 250, "2.0.0")
        client.quit()
    return reply.queue_id


def ask(daemon, recipient, code, status=None, source=None):
    """Check the reply to RCPT, from an address of this machine."""
    with daemon.client(source=source) as client:
        client.hello()
        client.expect("MAIL FROM:<sender@client.test>", 250)
        client.expect(f"RCPT TO:<{recipient}>", code, status)
        client.quit()

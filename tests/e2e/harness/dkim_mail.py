"""DKIM (RFC 6376) by Debian's python3-dkim: sign a message, and see whether it still verifies."""
import subprocess
import sys

packages_of_debian = "/usr/lib/python3/dist-packages"  # where another python3 does not look
selector, domain = b"test", b"client.test"


def library(test):
    try:
        import dkim
        return dkim
    except ImportError:
        sys.path.append(packages_of_debian)
    try:
        import dkim
        return dkim
    except ImportError:
        return test.skip("dkimpy is not installed (package python3-dkim)")


def openssl(*arguments, octets=None):
    return subprocess.run(["openssl", *arguments], input=octets, check=True, capture_output=True,
                          timeout=60).stdout


def sign(test, content):
    """(the message with its signature, the record of the key)."""
    dkim = library(test)
    key = openssl("genrsa", "-traditional", "2048")
    public = openssl("rsa", "-pubout", "-outform", "PEM", octets=key).decode()
    encoded = "".join(public.splitlines()[1:-1])
    signature = dkim.sign(content, selector, domain, key, canonicalize=(b"simple", b"simple"),
                          include_headers=[b"From", b"Subject", b"Date", b"Message-ID", b"To"])
    return signature + content, f"v=DKIM1; k=rsa; p={encoded}".encode()


def verifies(content, record):
    """Whether the message has a signature that is right with this key."""
    import dkim
    return b"DKIM-Signature:" in content and dkim.verify(
        content, dnsfunc=lambda name, timeout=5: record)

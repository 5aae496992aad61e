"""Keys and certificates for a case, made by Debian's openssl."""
import os
import shutil
import subprocess

from harness import account

curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
kinds = {"ecdsa": curve, "rsa": ["-newkey", "rsa:2048"], "ed25519": ["-newkey", "ed25519"]}


class Authority:
    """A certification authority in a folder of the case, and what it issues.

    readable_by   the account of the daemon, which must be able to open keys when root started it
    """

    def __init__(self, test, name="authority", readable_by=None):
        if not shutil.which("openssl"):
            test.skip("openssl is not installed (package openssl)")
        self.folder = test.path(name)
        self.account = readable_by or account.unprivileged()
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        self.key = os.path.join(self.folder, "ca.key")
        self.certificate = os.path.join(self.folder, "ca.pem")
        openssl("req", "-x509", *curve, "-nodes", "-days", "30", "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, hosts, kind="ecdsa", days=30, replace=False):
        """Make NAME.pem, with the authority's behind it, and NAME.key; gives both paths.

        With replace the files come under their names by a rename, as ACME clients do it.
        """
        place = os.path.join(self.folder, name)
        made = place + ".new" if replace else place
        openssl("req", *kinds[kind], "-nodes", "-subj", f"/CN={hosts[0]}",
                "-keyout", made + ".key", "-out", made + ".csr")
        with open(made + ".ext", "w", encoding="utf-8") as file:
            file.write("subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts))
        openssl("x509", "-req", "-in", made + ".csr", "-CA", self.certificate,
                "-CAkey", self.key, "-CAcreateserial", "-days", str(days),
                "-extfile", made + ".ext", "-out", made + ".pem")
        with open(self.certificate, encoding="utf-8") as issuer, \
                open(made + ".pem", "a", encoding="utf-8") as chain:
            chain.write(issuer.read())
        os.chmod(made + ".key", 0o600)
        for path in (made + ".pem", made + ".key"):
            account.give(self.account, path)
        if replace:
            os.rename(made + ".key", place + ".key")
            os.rename(made + ".pem", place + ".pem")
        return place + ".pem", place + ".key"

    def pki(self, name, *arguments, **options):
        """The two lines of smtpd.conf that declare a new certificate."""
        certificate, key = self.issue(name, *arguments, **options)
        return f'pki {name} cert "{certificate}"\npki {name} key "{key}"\n'


def openssl(*arguments, **options):
    """Run openssl; an error ends the case with what it said."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60,
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")
    return done.stdout


def serial_of(path):
    """The serial number of a certificate, as ssl.SSLSocket.getpeercert() prints it."""
    return openssl("x509", "-in", path, "-noout", "-serial").strip().removeprefix("serial=")

"""A real ACME server and client on loopback: pebble with its name server, and certbot."""
import json
import os
import shutil
import subprocess
import time

from harness import certificates
from harness.daemon import free_port


class Acme:
    """pebble, which ends with the case; what certbot gets from it lies in `live`."""

    def __init__(self, test, host):
        for program in ("pebble", "pebble-challtestsrv", "certbot"):
            if not shutil.which(program):
                test.skip(f"{program} is not installed (packages pebble, certbot)")
        self.test = test
        self.host = host
        self.port, self.http_port, dns, tls_port, manage = (free_port() for _ in range(5))
        self.folder = test.path("acme")
        self.live = os.path.join(self.folder, "certbot", "live", host)
        authority = certificates.Authority(test, "acme")
        self.authority = authority.certificate
        certificate, key = authority.issue("pebble", ["localhost"])
        configuration = os.path.join(self.folder, "pebble.json")
        with open(configuration, "w", encoding="utf-8") as file:
            json.dump({"pebble": {
                "listenAddress": f"127.0.0.1:{self.port}",
                "managementListenAddress": f"127.0.0.1:{manage}",
                "certificate": certificate, "privateKey": key,
                "httpPort": self.http_port, "tlsPort": tls_port}}, file)
        self.spawn("pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}", "-defaultIPv4",
                   "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01",
                   "", "-management", f"127.0.0.1:{free_port()}")
        self.spawn("pebble", "-config", configuration, "-dnsserver", f"127.0.0.1:{dns}")
        deadline = time.monotonic() + 20
        while b"directory" not in self.log() and time.monotonic() < deadline:
            time.sleep(0.1)

    def spawn(self, *command):
        with open(os.path.join(self.folder, "pebble.log"), "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=dict(os.environ, PEBBLE_VA_NOSLEEP="1",
                                                PEBBLE_WFE_NONCEREJECT="0"))
        self.test.defer(lambda: (process.kill(), process.wait()))

    def log(self):
        with open(os.path.join(self.folder, "pebble.log"), "rb") as file:
            return file.read()

    def certbot(self, *arguments):
        """Run certbot with folders of its own; an error fails the case."""
        place = os.path.join(self.folder, "certbot")
        done = subprocess.run(
            ["certbot", *arguments, "--non-interactive", "--config-dir", place,
             "--work-dir", place + ".work", "--logs-dir", place + ".logs",
             "--server", f"https://localhost:{self.port}/dir",
             "--http-01-port", str(self.http_port)],
            capture_output=True, text=True, timeout=120, check=False,
            env=dict(os.environ, REQUESTS_CA_BUNDLE=self.authority))
        if done.returncode != 0:
            raise AssertionError(f"certbot: {done.stdout}{done.stderr}\n"
                                 + self.log().decode(errors="replace")[-3000:])

    def issue(self):
        self.certbot("certonly", "--standalone", "--agree-tos",
                     "--register-unsafely-without-email", "--key-type", "ecdsa",
                     "-d", self.host)

    def renew(self):
        self.certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")

"""Debian's rspamd with nothing but its DKIM: it verifies what it is asked about, and signs for one domain."""
import http.client
import json
import os
import shutil
import subprocess

from harness import nameserver

plugins = "/usr/share/rspamd/plugins"


class Rspamd:
    """The running daemon; ends with the case. It asks `server` for keys, and signs with an RSA key."""

    def __init__(self, test, server, domain, selector, key):
        program = shutil.which("rspamd")
        if program is None or not os.path.exists(plugins):
            test.skip("rspamd is not installed (tools/setup test)")
        self.port = nameserver.free_port()
        folder = test.path("rspamd")
        os.makedirs(folder)
        self.log = os.path.join(folder, "log")
        configuration = os.path.join(folder, "rspamd.conf")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"""options {{ filters = "dkim"; dns {{ nameserver = ["{server.address}"]; }} }}
logging {{ type = "file"; filename = "{self.log}"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{self.port}"; count = 1; }}
modules {{ path = "{plugins}/dkim_signing.lua"; }}
dkim {{ }}
dkim_signing {{
  sign_local = true; use_domain = "header"; use_esld = false; allow_hdrfrom_mismatch = true;
  domain {{ {domain} {{ path = "{key}"; selector = "{selector}"; }} }}
}}
""")
        folders = [f"--var={name}={folder}" for name in ("DBDIR", "RUNDIR", "LOGDIR")]
        with open(os.path.join(folder, "output"), "wb") as output:
            self.process = subprocess.Popen(
                [program, "--insecure", "--no-fork", "-c", configuration, *folders],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        test.defer(self.stop)
        test.eventually(self.answers, "rspamd answers: " + self.log, 30)

    def request(self, method, path, octets=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, octets, headers or {})
            return connection.getresponse().read()
        finally:
            connection.close()

    def answers(self):
        assert self.process.poll() is None, "rspamd ended"
        try:
            return self.request("GET", "/ping")
        except OSError:
            return False

    def check(self, message, client):
        headers = {"IP": client, "From": "a@example.test", "Helo": "h.test"}
        return json.loads(self.request("POST", "/checkv2", message, headers))

    def passed(self, message):
        """The selectors of the signatures that it finds good, in order."""
        symbol = self.check(message, "192.0.2.1")["symbols"].get("R_DKIM_ALLOW", {})
        return sorted(option.partition(":s=")[2] for option in symbol.get("options", []))

    def sign(self, message):
        value = self.check(message, "127.0.0.1")["dkim-signature"]
        return b"DKIM-Signature: " + value.encode() + b"\r\n" + message

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

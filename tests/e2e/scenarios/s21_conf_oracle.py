"""Every configuration of the corpus gets the verdict of its folder, and OpenSMTPD's own but where
a deviation is named."""
import concurrent.futures
import os
import shutil
import subprocess

from harness import programs
from harness.case import case

corpus = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "corpus",
                      "smtpd_conf")


def cases():
    """(folder/name, text) of each configuration."""
    for folder in ("valid", "invalid"):
        directory = os.path.join(corpus, folder)
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), "rb") as file:
                yield f"{folder}/{name.removesuffix('.conf')}", file.read()


def deviations():
    with open(os.path.join(corpus, "deviations.txt"), encoding="utf-8") as file:
        return {line.split("\t")[0] for line in file if not line.startswith("#")}


def prepare(t):
    """The folder that @DIR@ stands for, with a certificate; and one file for each case."""
    place = t.path("files")
    os.makedirs(place)
    for name in os.listdir(os.path.join(corpus, "files")):
        with open(os.path.join(corpus, "files", name), encoding="utf-8") as file:
            text = file.read().replace("@DIR@", place)
        with open(os.path.join(place, name), "w", encoding="utf-8") as file:
            file.write(text)
    made = {}
    for name, text in cases():
        path = t.path(name.replace("/", "-") + ".conf")
        with open(path, "wb") as file:
            file.write(text.replace(b"@DIR@", place.encode()))
        made[name] = path
    make_certificate(t, place)
    return place, made


def make_certificate(t, place):
    if not shutil.which("openssl"):
        t.skip("no openssl to make a certificate with (package openssl)")
    key = os.path.join(place, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                    "-subj", "/CN=mx.example.org", "-keyout", key,
                    "-out", os.path.join(place, "cert.pem")],
                   check=True, capture_output=True, timeout=60)
    os.chmod(key, 0o600)  # keys that others can read are refused


def verdicts(command, made):
    """What `command -f FILE` says of each: {name: (accepted, output)}."""
    def one(entry):
        name, path = entry
        done = subprocess.run([*command, "-f", path], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False)
        return name, (done.returncode == 0, (done.stdout + done.stderr).decode("latin-1"))
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        return dict(pool.map(one, made.items()))


@case(seconds=120)
def our_verdicts(t):
    """ringpostd -n passes what stands in valid/, and names the place in what does not."""
    _, made = prepare(t)
    wrong = []
    for name, (accepted, output) in verdicts([t.program("ringpostd"), "-n"], made).items():
        if accepted != name.startswith("valid/"):
            wrong.append(f"{name}: {output}")
        elif not accepted and f"{made[name]}:" not in output and "files/" not in output:
            wrong.append(f"{name} names no file: {output}")
    t.equal(wrong, [], "wrong verdicts")
    t.true(len(made) > 200, f"only {len(made)} configurations")


@case(seconds=180)
def verdicts_of_opensmtpd(t):
    """OpenSMTPD agrees with each, but for the deviations that are named, which are ones."""
    smtpd = programs.opensmtpd(t)
    _, made = prepare(t)
    named = deviations()
    t.equal(named - set(made), set(), "deviations without a case")
    wrong = []
    for name, (accepted, output) in verdicts([smtpd, "-n"], made).items():
        agrees = accepted == name.startswith("valid/")
        if agrees == (name in named):
            wrong.append(f"{name}: OpenSMTPD says {accepted}: {output}")
    t.equal(wrong, [], "other verdicts than expected")

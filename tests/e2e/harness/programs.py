"""Foreign programs that the scenarios use: found on the machine, or unpacked beside the build."""
import glob
import os
import shutil
import subprocess


def swaks(test):
    path = shutil.which("swaks")
    return path or test.skip("swaks is not installed (package swaks)")


def smtp_source(test):
    """Postfix's load generator with the directory of its libraries: (path, library path)."""
    root = unpacked(test, "postfix", "usr/sbin/smtp-source")
    return os.path.join(root, "usr/sbin/smtp-source"), os.path.join(root, "usr/lib/postfix")


def opensmtpd(test):
    """OpenSMTPD's smtpd: only for `smtpd -n`; harness/peers.py runs it."""
    path = os.path.join(unpacked(test, "opensmtpd", "usr/sbin/smtpd"), "usr/sbin/smtpd")
    need_libraries(test, path)
    return path


def need_libraries(test, path, directory=""):
    """Skip when the program lacks a library, looking into `directory` too."""
    environment = dict(os.environ, LD_LIBRARY_PATH=directory)
    libraries = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=20,
                               check=False, env=environment).stdout
    missing = [line.strip() for line in libraries.splitlines() if "not found" in line]
    if missing:
        test.skip(f"{os.path.basename(path)}: {', '.join(missing)} (tools/setup test)")


def unpacked(test, package, program):
    """The root of a Debian package that holds this program.

    It is downloaded once and unpacked below the build directory, not installed: that would bring a
    running mail server along, and mail servers cannot be installed together.
    """
    place = os.path.join(test.build, "peers")
    if not os.path.exists(os.path.join(place, package, program)):
        if not os.access(test.build, os.W_OK):
            place = test.path("peers")  # somebody else's build
        unpack(test, package, place)
    root = os.path.join(place, package)
    if not os.path.exists(os.path.join(root, program)):
        test.skip(f"the Debian package {package} could not be downloaded")
    return root


def unpack(test, package, place):
    """Download a Debian package and unpack it into place/package."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        test.skip(f"{package} cannot be unpacked: no apt-get or dpkg here")
    downloads = os.path.join(place, "downloads")
    root = os.path.join(place, package)
    os.makedirs(downloads, exist_ok=True)
    done = subprocess.run(["apt-get", "download", package], cwd=downloads, capture_output=True,
                          timeout=120, check=False)
    archives = sorted(glob.glob(os.path.join(downloads, package + "_*.deb")))
    if done.returncode == 0 and archives:
        os.makedirs(root, exist_ok=True)
        subprocess.run(["dpkg", "-x", archives[-1], root], check=True, timeout=120)

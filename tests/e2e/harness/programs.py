"""Foreign programs that the scenarios use: found on the machine, or unpacked beside the build."""
import glob
import os
import shutil
import subprocess


def swaks(test):
    path = shutil.which("swaks")
    return path or test.skip("swaks is not installed (package swaks)")


def smtp_source(test):
    """Postfix's load generator with the directory of its libraries: (path, library path).

    The Debian package is downloaded once and unpacked below the build directory, not installed:
    that would bring a running mail server along.
    """
    place = os.path.join(test.build, "peers")
    path = os.path.join(place, "postfix", "usr", "sbin", "smtp-source")
    if not os.path.exists(path) and not os.access(test.build, os.W_OK):
        place = test.path("peers")  # somebody else's build
        path = os.path.join(place, "postfix", "usr", "sbin", "smtp-source")
    root = os.path.join(place, "postfix")
    if not os.path.exists(path):
        unpack(test, "postfix", place)
    if not os.path.exists(path):
        test.skip("the Debian package postfix could not be downloaded")
    return path, os.path.join(root, "usr", "lib", "postfix")


def opensmtpd(test):
    """OpenSMTPD's smtpd, unpacked beside the build as smtp_source is: only for `smtpd -n`."""
    place = os.path.join(test.build, "peers")
    path = os.path.join(place, "opensmtpd", "usr", "sbin", "smtpd")
    if not os.path.exists(path) and not os.access(test.build, os.W_OK):
        place = test.path("peers")  # somebody else's build
        path = os.path.join(place, "opensmtpd", "usr", "sbin", "smtpd")
    if not os.path.exists(path):
        unpack(test, "opensmtpd", place)
    if not os.path.exists(path):
        test.skip("the Debian package opensmtpd could not be downloaded")
    libraries = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=20,
                               check=False).stdout
    if "not found" in libraries:
        test.skip("libraries of OpenSMTPD are missing (package libevent-2.1-7)")
    return path


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

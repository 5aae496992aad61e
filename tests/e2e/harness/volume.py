"""Small file systems of a case's own: to fill, to cut off from power, to make fail (as root)."""
import errno
import os
import shutil
import subprocess


class Volume:
    """An ext4 image mounted through a loop device at `path`; unmounted when the case ends."""

    def __init__(self, test, path, octets, image=None, options=("-m", "0")):
        if os.getuid() != 0:
            test.skip("mounting a file system needs root")
        if not shutil.which("mkfs.ext4"):
            test.skip("mkfs.ext4 is not installed (package e2fsprogs)")
        self.path = path
        self.image = image or test.path("volume.image")
        os.makedirs(path, exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(octets)
        run("mkfs.ext4", "-q", *options, self.image)
        try:
            self.mount()
        except subprocess.CalledProcessError as fault:
            test.skip("no loop device can be mounted here: " + fault.stderr.decode().strip())
        test.defer(self.unmount)

    def mount(self):
        run("mount", "-o", "loop", self.image, self.path)

    def unmount(self):
        if os.path.ismount(self.path):
            run("umount", "-l", self.path)

    def keep_what_reached_the_device(self):
        """Copy the image as the block device has it: the page cache above it does not count."""
        run("cp", "--sparse=always", self.image, self.image + ".copy")

    def go_back(self):
        """Mount that copy instead, as after a power cut; ext4 replays its journal.

        Nobody may have files open when the old mount goes.
        """
        run("umount", self.path)
        os.replace(self.image + ".copy", self.image)
        self.mount()


def temporary_memory(test, path, octets):
    """Mount a tmpfs of a fixed size at path."""
    if os.getuid() != 0:
        test.skip("mounting a file system needs root")
    os.makedirs(path, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={octets}", "none", path)
    test.defer(run, "umount", "-l", path)


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def fill(directory, leave):
    """Take all space of a file system but some octets; returns the file that holds it."""
    path = os.path.join(directory, "filler")
    free = os.statvfs(directory)
    octets = max(4096, free.f_bavail * free.f_frsize - leave)
    with open(path, "wb") as file:
        while octets > 0:
            try:
                os.posix_fallocate(file.fileno(), 0, octets)
                break
            except OSError as fault:  # the file system needs some of it for itself
                if fault.errno != errno.ENOSPC:
                    raise
                octets -= 4096
    return path

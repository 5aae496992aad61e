"""As whom the daemons run: as whoever runs the tests, but never as root unless a case asks for it.

A daemon that root starts needs a user for its engine, and delivers with the rights of others; most
cases are about neither. So when root runs the tests (mounting file systems needs root) the daemons
are started as `nobody`, and what they write to is given to that account.
"""
import collections
import os
import pwd
import shutil
import subprocess

name_of_unprivileged = "nobody"

Account = collections.namedtuple("Account", "name uid gid")


def unprivileged():
    """The account for daemons, or None when the tests do not run as root."""
    if os.getuid() != 0:
        return None
    entry = pwd.getpwnam(name_of_unprivileged)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def popen_arguments(account):
    """What makes subprocess start a program as the account."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def give(account, path):
    """Give a folder with everything in it to the account."""
    if account is None:
        return
    os.chown(path, account.uid, account.gid)
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            os.chown(os.path.join(folder, name), account.uid, account.gid, follow_symlinks=False)


def reachable_program(account, path, folder):
    """The program, or a copy of it in `folder` when the account cannot get at it where it is."""
    if account is None:
        return path
    reached = subprocess.run(["test", "-x", path], check=False, timeout=10,
                             **popen_arguments(account)).returncode == 0
    if reached:
        return path
    copy = os.path.join(folder, "bin", os.path.basename(path))
    if not os.path.exists(copy):
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy2(path, copy)
        os.chmod(os.path.dirname(copy), 0o755)
        os.chmod(copy, 0o755)
    return copy

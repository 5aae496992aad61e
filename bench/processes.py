"""What the measuring programs of this folder share: a free port, and what processes have used."""
import os
import socket


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """Of a process and its descendants, with those of theirs that have ended."""
    total, pids = 0, [pid]
    for one in pids:
        with open(f"/proc/{one}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
        for task in os.listdir(f"/proc/{one}/task"):
            with open(f"/proc/{one}/task/{task}/children", encoding="ascii") as file:
                pids += [int(child) for child in file.read().split()]
    return total / os.sysconf("SC_CLK_TCK")

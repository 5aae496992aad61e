"""What the measuring programs of this folder share: programs, ports, and what processes have used."""
import os
import socket


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(options, name):
    return os.path.join(options.build, "bin", name)


def is_open(port):
    """Whether somebody listens there; by the kernel's list, as a connection would be counted."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in list(file)[1:]]
    return any(row[1] == wanted and row[3] == "0A" for row in rows)


def family(pid):
    """The process and its descendants."""
    pids = [pid]
    for one in pids:
        for task in os.listdir(f"/proc/{one}/task"):
            with open(f"/proc/{one}/task/{task}/children", encoding="ascii") as file:
                pids += [int(child) for child in file.read().split()]
    return pids


def cpu_seconds(pid):
    """Of a process and its descendants, with those of theirs that have ended."""
    total = 0
    for one in family(pid):
        with open(f"/proc/{one}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")

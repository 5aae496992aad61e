#!/usr/bin/env python3
"""A table program for smtpd-tables(7) 0.1: answers from a file of "SERVICE KEY=VALUE" lines.

    table_program.py FILE

The file is read at the start and at `update`. Some keys make it misbehave: a value of
!die ends it, !mute gives no answer, !noise breaks the protocol, !error reports an error.
"""
import sys
import time


def read(path):
    entries = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            left, mark, value = line.rstrip("\n").partition("=")
            if mark:
                entries[tuple(left.split(" ", 1))] = value
    return entries


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer(operation, number, value):
    if value is None:
        say(f"{operation}-result|{number}|not-found")
    elif value == "!die":
        sys.exit(3)
    elif value == "!noise":
        say("what was the question?")
    elif value == "!error":
        say(f"{operation}-result|{number}|error|the shelf is empty")
    elif value != "!mute":
        say(f"{operation}-result|{number}|found" + (f"|{value}" if operation == "lookup" else ""))


def main():
    path = sys.argv[1]
    for line in sys.stdin:
        if line.rstrip("\n") == "config|ready":
            break
    entries = read(path)
    if ("start", "slow") in entries:
        time.sleep(float(entries["start", "slow"]))
    for service in ("alias", "domain", "userinfo", "mailaddr", "mailaddrmap", "netaddr", "string",
                    "regex", "credentials"):
        say(f"register|{service}")
    say("register|ready")
    for line in sys.stdin:
        fields = line.rstrip("\n").split("|", 7)
        if fields[4] == "update":
            try:
                entries = read(path)
                say(f"update-result|{fields[5]}|ok")
            except OSError as error:
                say(f"update-result|{fields[5]}|error|{error.strerror}")
            continue
        operation, service, number, key = fields[4:8]
        answer(operation, number, entries.get((service, key)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A filter of smtpd-filters(7) that writes down what it hears and answers as it is told.

    filter_program.py LOG [EVENT=ANSWER | line=s/FROM/TO | break=WORD]...

LOG      every line it gets is appended to it
EVENT    a phase: its answer ("reject|550 no"); "hang": none; "die": it ends there
line     content: each FROM in a line becomes TO; "line=same" hands every line back
hold     content is handed back when all of it has come, as filter-rspamd does
slow     it begins to read content a second late
out      reports of smtp-out are wanted, and none of smtp-in
results=WORD  refuses at commit what tx-results says WORD of
quiet    nothing is registered but what has an answer
flood    with each thing that it hears it says a hundred things that nobody asked, and two hundred
         lines of errors
"""
import sys
import time

events = ("link-connect link-disconnect link-greeting link-identify link-tls link-auth tx-reset"
          " tx-begin tx-mail tx-rcpt tx-envelope tx-data tx-commit tx-rollback protocol-client"
          " protocol-server filter-report filter-response timeout").split()


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main():
    log = open(sys.argv[1], "a", encoding="utf-8", errors="replace", buffering=1)
    answers = dict(word.split("=", 1) for word in sys.argv[2:] if "=" in word)
    options = {word for word in sys.argv[2:] if "=" not in word}
    sys.stdin.reconfigure(errors="surrogateescape", newline="\n")
    sys.stdout.reconfigure(errors="surrogateescape", newline="\n")
    refused = answers.pop("results", None)
    results = {}
    held = {}
    begun = set()
    for line in sys.stdin:
        line = line.rstrip("\n")
        log.write(line.encode("utf-8", "replace").decode() + "\n")
        if line == "config|ready":
            for event in () if "quiet" in options else events:
                way = "smtp-out" if "out" in options else "smtp-in"
                say(f"register|report|{way}|{event}")
            for phase in answers:
                say(f"register|filter|smtp-in|{'data-line' if phase == 'line' else phase}")
            if refused is not None:
                say("register|report|smtp-in|tx-results")
                say("register|filter|smtp-in|commit")
            say("register|ready")
        if "|smtp-in|tx-results|" in line and line.startswith("report|"):
            _, _, _, _, _, session, _, value = line.split("|", 7)
            results[session] = value
        if "flood" in options and line.startswith("report|"):
            sys.stdout.write("filter-result|0123456789abcdef|0123456789abcdef|proceed\n" * 100)
            sys.stderr.write("nobody wants to know this\n" * 200)
        if not line.startswith("filter|"):
            continue
        _, _, _, _, phase, session, token, value = line.split("|", 7)
        if phase == "data-line":
            if "slow" in options and session not in begun:
                begun.add(session)
                time.sleep(1)
            kept = held.setdefault(session, [])
            if answers["line"].startswith("s/"):
                _, old, new = answers["line"].split("/")[:3]
                value = value.replace(old, new)
            kept.append(f"filter-dataline|{session}|{token}|{value}")
            if "hold" not in options or value == ".":
                sys.stdout.write("".join(one + "\n" for one in held.pop(session)))
                sys.stdout.flush()
            continue
        if phase == "commit" and refused is not None:
            no = refused in results.pop(session, "")
            say(f"filter-result|{session}|{token}|" +
                (f"reject|550 not with {refused}" if no else "proceed"))
            continue
        answer = answers[phase]
        if answer == "hang":
            continue
        if answer == "die":
            sys.exit(3)
        say(f"filter-result|{session}|{token}|{answer}")


if __name__ == "__main__":
    main()

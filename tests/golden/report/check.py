#!/usr/bin/env python3
"""Reads the golden reports with Python's own MIME parser: another opinion on what they say.

Usage: check.py [DIR]
"""
import email
import email.policy
import pathlib
import sys

ACTIONS = {"failed", "delayed", "delivered", "relayed", "expanded"}


def check(path):
    octets = path.read_bytes().replace(b"\n", b"\r\n")
    report = email.message_from_bytes(octets, policy=email.policy.SMTPUTF8)
    kind = "global-delivery-status" if path.stem == "international" else "delivery-status"
    assert report.get_content_type() == "multipart/report", report.get_content_type()
    assert report.get_param("report-type") == kind
    assert report["Auto-Submitted"] == "auto-replied"
    assert not report.defects, report.defects
    text, status, returned = report.get_payload()
    assert text.get_content_type() == "text/plain"
    assert "This is the mail server" in text.get_content()
    assert status.get_content_type() == "message/" + kind
    blocks = status.as_bytes().split(b"\r\n\r\n", 1)[1].strip().split(b"\r\n\r\n")
    fields = [email.message_from_bytes(block, policy=email.policy.SMTPUTF8) for block in blocks]
    assert fields[0]["Reporting-MTA"] == "dns; mail.example.org"
    assert fields[0]["Arrival-Date"]
    assert len(fields) > 1
    for recipient in fields[1:]:
        assert recipient["Final-Recipient"].split("; ")[0] in ("rfc822", "utf-8")
        assert recipient["Action"] in ACTIONS, recipient["Action"]
        assert recipient["Status"].count(".") == 2
    inner = returned.get_content_type()
    assert inner in ("message/rfc822", "text/rfc822-headers", "message/global"), inner
    assert b"Subject: " in returned.as_bytes()
    assert not any(part.defects for part in report.walk())


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    paths = sorted(folder.glob("*.eml"))
    assert paths, "no reports"
    for path in paths:
        check(path)
    print(f"{len(paths)} reports read")


main()

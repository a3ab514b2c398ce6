"""E-mail: messages into mailboxes through an SMTP server."""

from __future__ import annotations

from nigrani.integrations import Limit, Manifest

MANIFEST = Manifest(
    name="email",
    title="E-mail (SMTP)",
    faces=("send",),
    verified_on="2026-11-03",
    limits=(
        Limit("length of a line", "998 octets; 78 wanted", "RFC 5322, 2.1.1"),
        Limit("4yz replies", "temporary: try again", "RFC 5321, 4.2.1"),
        Limit("5yz replies", "permanent: do not try again unchanged", "RFC 5321, 4.2.1"),
        Limit("ports", "587 for STARTTLS, 465 for TLS", "RFC 6409, 3.1 and RFC 8314, 3.3"),
        Limit("no answer after the end of data", "may have been delivered: a copy may follow", "RFC 1047"),
    ),
)

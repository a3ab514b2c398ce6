"""From which address a request comes, also when it passes proxies of ours; nobody else's word for it counts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address


def address_of(request: HttpRequest) -> str:
    """Return the sender's address as text, "" if the server knows none.

    Only a proxy named in NIGRANI_PROXIES is believed. From the last hop backwards, the first address that is no proxy
    of ours is the sender: what stands further left was written by the sender and may be a lie.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    sender = _read(peer)
    if sender is None:
        return peer[:45]
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    while hops and _is_proxy(sender):
        hop = _read(hops.pop())
        if hop is None:  # no address: who wrote the one before is the last we know
            break
        sender = hop
    return str(sender)[:45]  # a zone (fe80::1%eth0) can be as long as its writer likes


def _is_proxy(address: Address) -> bool:
    return any(address in network for network in settings.PROXIES)


def _read(text: str) -> Address | None:
    """Return an address, also one that a proxy wrote with its port; IPv4 in IPv6's clothes is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found

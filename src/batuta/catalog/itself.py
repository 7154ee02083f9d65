"""Whether an address is this gateway's own: asking oneself would go in a circle. Pure; no look-ups of names."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway listens."""

    host: str
    port: int

    def is_at(self, url: str) -> bool:
        """Say whether a URL leads here, as far as its text tells.

        1. Another port is another server.
        2. The same host, in other words or letters.
        3. Loopback, under any of its names, when that is where it listens, or when it listens everywhere.
        """
        parts = urlsplit(url)
        host = _plain(parts.hostname or "")
        if (parts.port or _PORTS.get(parts.scheme)) != self.port:  # 1
            return False
        mine = _plain(self.host)
        if host == mine:  # 2
            return True
        return _is_loopback(host) and (mine in _EVERYWHERE or _is_loopback(mine))  # 3


def same_place(url: str, other: str) -> bool:
    """Say whether two URLs lead to the same server, as far as their text tells; all names of loopback are one."""
    return _place(url) == _place(other)


def _place(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url, None
    host = _plain(parts.hostname or "")
    return ("loopback" if _is_loopback(host) else host), port


def _plain(host: str) -> str:
    return host.strip().rstrip(".").lower()


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified  # the unspecified one leads to this machine, too

"""Where Batuta may go. The one gate before every connection; knows addresses, not what is said there.

Two things are kept apart here:

- What is off limits for everybody: other schemes, names and passwords in an address, the addresses at which clouds hand
  out their secrets. A name is judged by the addresses it resolves to, and exactly these are connected to, so that an
  answer that changes after the look (DNS rebinding) gains nothing. Private ranges are for providers that a person has
  marked as local. What is loopback by its very text was checked where it was set.
- `local_only`: no byte leaves this machine. Then nothing but loopback addresses is reached, and no name is resolved.
  For one request it travels as a context variable: an engine in between cannot forget to pass it on, and tasks that
  it starts inherit it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlsplit

from batuta.catalog.entities import Provider
from batuta.engines.faults import Seen, fault
from batuta.errors import BatutaError, LocalOnly

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Origin = tuple[str, int]
T = TypeVar("T")

_CONFINED: ContextVar[bool] = ContextVar("batuta_local_only", default=False)
_PORTS: Final = {"http": 80, "https": 443}
_SECRET_NAMES: Final = frozenset({"metadata.google.internal", "metadata.goog", "metadata", "instance-data"})
_SECRET: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, OpenStack and others
        "fd00:ec2::254",  # AWS
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle
    )
)
_FAKE: Final = ipaddress.ip_network(
    "198.18.0.0/15"
)  # what VPN programs answer every name with; nothing private is there
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Range(StrEnum):
    """Where an address is, as seen from here."""

    HERE = "on this machine"
    NEAR = "on a private network"
    AWAY = "on the Internet"
    OFF_LIMITS = "off limits"


class OffLimits(OSError):
    """A name resolved to nothing that may be connected to."""


def range_of(text: str) -> Range:
    """Return where an address is. Raises ValueError for what is no address.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) counts as itself.
    """
    address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    if address in _SECRET or address.is_link_local or address.is_multicast or address.is_unspecified:
        return Range.OFF_LIMITS
    if address.is_loopback:
        return Range.HERE
    if address.is_reserved:  # nobody's: broadcasts, and IPv4 inside of IPv6 in further ways
        return Range.OFF_LIMITS
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return Range.NEAR
    return Range.AWAY if address.is_global or address in _FAKE else Range.NEAR


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_here(host: str) -> bool:
    """Say whether a host is this machine by its very text; no name but `localhost` is."""
    if host == "localhost":
        return True
    try:
        return range_of(host) is Range.HERE
    except ValueError:
        return False


def stays_here(provider: Provider) -> bool:
    """Say whether asking a provider sends nothing to another machine: it is local, and here by its very text."""
    return provider.is_local and (not provider.base_url or is_here(_split(provider.base_url)[1]))


@contextmanager
def confined(*, is_on: bool = True) -> Iterator[None]:
    """Let no byte leave this machine in here; `is_on=False` changes nothing. Never to be held over a `yield`."""
    token = _CONFINED.set(is_on or _CONFINED.get())
    try:
        yield
    finally:
        _CONFINED.reset(token)


async def confined_pieces(pieces: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Pass on what a generator gives, each step of it confined, without confining who takes it."""
    try:
        while True:
            with confined():
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            yield piece
    finally:
        with confined():
            await pieces.aclose()


class Reach:
    """What may be reached.

    Args:
        local_only: no byte may leave this machine, whoever asks: not for background work either.

    Attributes:
        state: another number whenever `check` may say something else than before.
    """

    def __init__(self, *, local_only: bool = False) -> None:
        self.local_only = local_only
        self.state = 0
        self._known: dict[tuple[str, str], bool] = {}  # provider and URL -> marked as local
        self._local: dict[Origin, bool] = {}  # every provider there is marked as local

    # Who is where -------------------------------------------------------------------------------------------

    def permit(self, provider: Provider) -> None:
        """Take note of where a provider is, and whether a person marked it as local."""
        place = provider.id, provider.base_url
        if provider.base_url and self._known.get(place) is not provider.is_local:
            self._known[place] = provider.is_local
            self._index()

    def withdraw(self, provider: Provider) -> None:
        """Forget where a provider was."""
        if self._known.pop((provider.id, provider.base_url), None) is not None:
            self._index()

    def _index(self) -> None:
        self._local = {}
        self.state += 1
        for (_, url), is_local in self._known.items():
            scheme, host, port = _split(url)
            origin = (host, port or _PORTS.get(scheme, 0))
            self._local[origin] = is_local and self._local.get(origin, True)

    # The gate -----------------------------------------------------------------------------------------------

    def check(self, scheme: str, authority: str) -> None:
        """Look at the text of an address, before anything else. Raises UpstreamUnreachable.

        1. http or https, a host, no name or password, nothing that two parsers could read in two ways.
        2. No address, and no well-known name, at which clouds hand out secrets, nor anything link-local; and no
           address in a spelling that only some parsers take for one (`127.1`, `0x7f000001`).
        3. Private addresses only where a provider marked as local is.
        """
        try:
            parts = urlsplit(f"{scheme}://{authority}")
            host, port = (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme, 0)
        except ValueError:
            raise self._refusal(authority, "it is not an address") from None
        if scheme not in _PORTS or not host:
            raise self._refusal(authority, "it must begin with http:// or https:// and name a host")  # 1
        if "@" in authority or "\\" in authority:
            raise self._refusal(host, "a name or password does not belong in it")
        if host.rstrip(".") in _SECRET_NAMES:
            raise self._refusal(host, "clouds hand out their secrets there")  # 2
        try:
            where = range_of(host)
        except ValueError:
            if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
                raise self._refusal(authority, "it is an address in an unusual spelling") from None
            return  # a name: it is judged by what it resolves to
        if (why := self._why_not(where, (host, port))) and where is not Range.HERE:  # 3
            raise self._refusal(authority, why)

    def confine(self, scheme: str, authority: str) -> None:
        """Refuse what is not on this machine, or is there and not marked as local. Raises LocalOnly.

        Only looked at where `is_confined` says so.
        """
        _, host, port = _split(f"{scheme}://{authority}")
        origin = (host, port or _PORTS.get(scheme, 0))
        if not is_here(host) or not self._local.get(origin, True):
            raise LocalOnly(f"{authority} would have been asked, and nothing may leave this machine (local_only)")

    @property
    def is_confined(self) -> bool:
        """Whether nothing may leave this machine now, for this request or for all."""
        return self.local_only or _CONFINED.get()

    def admitted(self, host: str, port: int, addresses: Sequence[str]) -> list[str]:
        """Return those addresses of a name that may be connected to. Raises OffLimits when there is none."""
        why = ""
        kept = []
        for address in addresses:
            where = range_of(address)
            if where is Range.HERE and host == "localhost":
                kept.append(address)
            elif refusal := self._why_not(where, (host.lower(), port)):
                why = refusal
            else:
                kept.append(address)
        if not kept:
            raise OffLimits(why or "it resolves to nothing")
        return kept

    def _why_not(self, where: Range, origin: Origin) -> str:
        if where is Range.OFF_LIMITS:
            return "it is a link-local address or one at which clouds hand out their secrets"
        if where is Range.AWAY or self._local.get(origin):
            return ""
        return f"it is {where.value}, and its provider is not marked as local (is_local = true)"

    @staticmethod
    def _refusal(where: str, why: str) -> BatutaError:
        return fault(Seen.FORBIDDEN_ADDRESS, where=where.rpartition("@")[2][:200] or "a provider", said=why)


def _split(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port; port 0 where none is written or it is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or 0
    except ValueError:
        return "", "", 0

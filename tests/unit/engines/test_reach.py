"""Where Batuta may go: what is off limits, private ranges for local providers, and nothing beyond this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.entities import Provider
from batuta.engines import reach as gate
from batuta.engines.reach import OffLimits, Range, Reach, confined, confined_pieces, is_here, range_of, stays_here
from batuta.errors import LocalOnly, UpstreamUnreachable

HERE, NEAR, AWAY, OFF = Range.HERE, Range.NEAR, Range.AWAY, Range.OFF_LIMITS


def provider(url: str, *, local: bool = False, name: str = "acme") -> Provider:
    return Provider(name, "openai_compat", base_url=url, is_local=local)


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("127.0.0.1", HERE),
        ("127.8.9.10", HERE),
        ("::1", HERE),
        ("::ffff:127.0.0.1", HERE),
        ("10.0.0.1", NEAR),
        ("192.168.1.7", NEAR),
        ("172.16.0.1", NEAR),
        ("100.64.0.1", NEAR),
        ("fd12::1", NEAR),
        ("::ffff:10.0.0.1", NEAR),
        ("64:ff9b::10.0.0.1", NEAR),
        ("2002:a00:1::", NEAR),
        ("9.9.9.9", AWAY),
        ("2620:fe::9", AWAY),
        ("64:ff9b::9.9.9.9", AWAY),
        ("198.18.3.4", AWAY),
        ("169.254.169.254", OFF),
        ("169.254.1.1", OFF),
        ("fe80::1", OFF),
        ("fe80::1%eth0", OFF),
        ("::ffff:169.254.169.254", OFF),
        ("64:ff9b::169.254.169.254", OFF),
        ("2002:a9fe:a9fe::", OFF),
        ("fd00:ec2::254", OFF),
        ("100.100.100.200", OFF),
        ("168.63.129.16", OFF),
        ("0.0.0.0", OFF),
        ("::", OFF),
        ("::127.0.0.1", OFF),
        ("224.0.0.1", OFF),
        ("ff02::1", OFF),
        ("255.255.255.255", OFF),
        ("::ffff:0:169.254.169.254", OFF),
        ("64:ff9b:1::a9fe:a9fe", OFF),
        ("fec0::1", NEAR),
    ],
)
def test_where_an_address_is(address: str, where: Range) -> None:
    """Also one that hides in another."""
    assert range_of(address) is where


@given(st.ip_addresses())
def test_every_address_has_a_range_and_none_that_is_link_local_is_reached(address: object) -> None:
    """Whatever is resolved to."""
    where = range_of(str(address))
    if getattr(address, "is_link_local", False):
        assert where is OFF
    if where is AWAY:
        assert not getattr(address, "is_loopback", False)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/x",
        "http://",
        "http://user:secret-word@api.example.com/v1",
        "http://127.0.0.1\\@api.example.com/v1",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal/computeMetadata/v1",
        "http://METADATA.google.internal./x",
        "http://10.0.0.8:8000/v1",
        "http://[1.2.3.4]/",
        "http://127.0.0.1:99999/",
    ],
)
def test_an_address_is_judged_by_its_text_first(url: str) -> None:
    """Before any connection, in words that name no password."""
    scheme, _, rest = url.partition("://")
    with pytest.raises(UpstreamUnreachable) as refused:
        Reach().check(scheme, rest.partition("/")[0])
    assert "does not go to" in refused.value.message
    assert "secret-word" not in refused.value.message


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_is_more_than_an_address_or_a_refusal(scheme: str, authority: str) -> None:
    """Whatever somebody writes."""
    with suppress(UpstreamUnreachable):
        Reach().check(scheme, authority)
        assert scheme in {"http", "https"}


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "2852039166", "0x7f000001", "0xa9.0xfe.0xa9.0xfe", "0177.0.0.1", "127.0.0.1.", "0"]
)
@pytest.mark.parametrize("is_local", [False, True])
def test_an_address_in_another_spelling_is_none(host: str, *, is_local: bool) -> None:
    """Clients read these in different ways: they are refused here, not left to the one that happens to be in use."""
    reach = Reach()
    reach.permit(provider(f"http://{host}:8080", local=is_local))
    with pytest.raises(UpstreamUnreachable):
        reach.check("http", f"{host}:8080")


def test_a_name_may_have_a_number_in_it() -> None:
    """Only the end of a name says that it is an address."""
    for host in ("1.example.com", "0x7f.example", "10.example.com.", "box-127", "1e100.net"):
        Reach().check("https", host)


def test_private_addresses_are_for_providers_that_were_marked_as_local() -> None:
    """And for as long as they are there."""
    reach, at_home = Reach(), provider("http://10.0.0.8:8000/v1", local=True)
    reach.permit(at_home)
    reach.check("http", "10.0.0.8:8000")
    with pytest.raises(UpstreamUnreachable):
        reach.check("http", "10.0.0.8:8001")
    reach.withdraw(at_home)
    with pytest.raises(UpstreamUnreachable):
        reach.check("http", "10.0.0.8:8000")


def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    """What may not be reached is left out; nothing left is a refusal that says what to do."""
    reach = Reach()
    assert reach.admitted("api.example.com", 443, ["9.9.9.9", "10.0.0.1"]) == ["9.9.9.9"]
    with pytest.raises(OffLimits, match=r"is_local = true"):
        reach.admitted("api.example.com", 443, ["10.0.0.1"])
    with pytest.raises(OffLimits, match=r"this machine"):
        reach.admitted("api.example.com", 443, ["127.0.0.1"])
    with pytest.raises(OffLimits):
        reach.admitted("api.example.com", 443, [])
    reach.permit(provider("http://box.example:8000/v1", local=True))
    assert reach.admitted("box.example", 8000, ["192.168.1.2", "127.0.0.1"]) == ["192.168.1.2", "127.0.0.1"]
    with pytest.raises(OffLimits):
        reach.admitted("box.example", 8000, ["169.254.169.254"])
    assert reach.admitted("localhost", 443, ["127.0.0.1", "::1"]) == ["127.0.0.1", "::1"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_by_its_very_text(host: str) -> None:
    """No other name is: what it resolves to would have to be asked of somebody."""
    assert is_here(host)
    assert not is_here("my-laptop")
    assert not is_here("localhost.example.com")


def test_who_stays_here() -> None:
    """Local by a person's word, and here by its address."""
    assert stays_here(provider("", local=True))
    assert stays_here(provider("http://127.0.0.1:1234", local=True))
    assert not stays_here(provider("http://192.168.1.2:1234", local=True))
    assert not stays_here(provider("http://127.0.0.1:4000", local=False))


def test_nothing_leaves_a_machine_that_is_to_itself() -> None:
    """Neither to a name nor to an address, nor to a door here behind which somebody else's API is."""
    reach = Reach(local_only=True)
    assert reach.is_confined
    reach.confine("http", "127.0.0.1:8080")
    reach.permit(provider("http://127.0.0.1:4000", local=False))
    for authority in ("api.example.com", "192.168.1.2:1234", "127.0.0.1:4000", "my-laptop"):
        with pytest.raises(LocalOnly):
            reach.confine("http", authority)
    reach.permit(provider("http://127.0.0.1:4000", local=True, name="other"))
    with pytest.raises(LocalOnly):  # two at one door: the stricter word holds
        reach.confine("http", "127.0.0.1:4000")


async def test_one_request_that_may_not_leave_confines_itself_and_what_it_starts() -> None:
    """Not its neighbour, nor whoever takes its words."""
    reach, inside = Reach(), []

    async def child() -> None:
        inside.append(reach.is_confined)

    async def words() -> AsyncGenerator[int, None]:
        for number in range(2):
            inside.append(reach.is_confined)
            await asyncio.get_running_loop().create_task(child())
            yield number

    taken = []
    async for number in confined_pieces(words()):
        taken.append(number)
        assert not reach.is_confined
    assert taken == [0, 1]
    assert inside == [True] * 4
    with confined():
        assert reach.is_confined
        with confined(is_on=False):
            assert reach.is_confined
    assert not reach.is_confined


async def test_an_error_of_who_is_confined_ends_it_too() -> None:
    """And its generator is closed."""
    closed = []

    async def words() -> AsyncGenerator[int, None]:
        try:
            yield 1
            raise ValueError("over")
        finally:
            closed.append(gate.Reach().is_confined)

    with pytest.raises(ValueError, match="over"):
        _ = [number async for number in confined_pieces(words())]
    assert closed == [True]
    assert not Reach().is_confined

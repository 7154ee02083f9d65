"""`local_only`: no byte leaves this machine. Shown at the sockets and at the resolver, not by what is said."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from batuta.catalog.entities import Provider
from batuta.engines import registry
from batuta.engines.reach import Reach, confined
from batuta.engines.transport import Transport
from batuta.errors import LocalOnly, UpstreamUnreachable
from batuta.routing.wishes import House, Policy, Wishes
from batuta.testing.faulty_upstream import whole
from tests.faults.town import FINE, Town, town
from tests.faults.upstream import both_ways

WISHES = [
    Wishes(local_only=True),
    Wishes(policy=Policy.LOCAL_ONLY),
    Wishes(local_only=True, allow_fallback=True),
    Wishes(local_only=True, models=("bad/m", "named/m")),
]


@dataclass
class Outside:
    """Everybody beyond this machine: who knocked, and which names were asked for."""

    url: str = ""
    connections: int = 0
    names: list[str] = field(default_factory=list)

    async def lookup(
        self, host: str, port: int, family: socket.AddressFamily
    ) -> Sequence[tuple[socket.AddressFamily, str]]:
        """Resolve every name to nobody, and remember it."""
        del port, family
        self.names.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "nobody")


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    """Open a server that stands for somebody else's API, and counts who connects."""
    it = Outside()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        it.connections += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield it


@asynccontextmanager
async def a_town(beyond: Outside, *, whole_house: bool = False) -> AsyncIterator[Town]:
    """Open a gateway before `bad/m` and `named/m`, which are elsewhere, and `good/m`, which is here."""
    reach = Reach(local_only=whole_house)
    house = House(stays_here=lambda spec: spec.id == "here/m")
    async with town(url=beyond.url, reach=reach, lookup=beyond.lookup, local_only=whole_house, house=house) as here:
        here.add("named", "https://api.provider.example/v1")
        here.add("here", here.upstreams["good"].url.replace("127.0.0.1", "localhost"), is_local=True)
        yield here


@both_ways
@pytest.mark.parametrize("wishes", WISHES)
@pytest.mark.parametrize("model", ["bad/m", "named/m", "auto"])
async def test_a_request_that_may_not_leave(model: str, wishes: Wishes, stream: bool) -> None:
    """Refused, or answered here: nobody is connected to, and no name is resolved."""
    async with outside() as beyond, a_town(beyond) as here:
        outcome = await here.ask(here.call(model, stream=stream, wishes=wishes))
        assert (beyond.connections, beyond.names) == (0, [])
        if outcome.error is None:
            assert (outcome.model, outcome.text) == ("here/m", FINE)
        else:
            assert type(outcome.error) is LocalOnly
            assert outcome.error.suggestion == "here/m"


async def test_the_field_in_a_body_is_enough() -> None:
    """And nothing of it goes on to the model that answers."""
    async with outside() as beyond, a_town(beyond) as here:
        outcome = await here.ask(here.call("bad/m", local_only=True))
        assert outcome.model == "here/m"
        sent = here.upstreams["good"].requests[0]
        assert b"local_only" not in sent.body
        assert sent.headers["x-batuta-local-only"] == "true"
        assert (beyond.connections, beyond.names) == (0, [])


@pytest.mark.parametrize("model", ["bad/m", "named/m", "auto"])
async def test_a_whole_installation_that_may_not_leave(model: str) -> None:
    """Whatever the request says; its own words cannot loosen it."""
    async with outside() as beyond, a_town(beyond, whole_house=True) as here:
        for wishes in (Wishes(), Wishes(allow_fallback=True), Wishes(models=("named/m",))):
            outcome = await here.ask(here.call(model, wishes=wishes, local_only=False))
            assert type(outcome.error) is LocalOnly or outcome.model == "here/m"
        assert (beyond.connections, beyond.names) == (0, [])


@pytest.mark.parametrize(
    "url", ["https://api.provider.example/v1", "OUTSIDE", "http://192.0.2.7/v1", "https://10.9.9.9/v1"]
)
async def test_background_work_obeys_it_too(url: str) -> None:
    """Listing the models of a provider is a byte as well."""
    async with outside() as beyond:
        transport = Transport(reach=Reach(local_only=True), lookup=beyond.lookup)
        provider = Provider("p", "openai_compat", base_url=url.replace("OUTSIDE", beyond.url))
        try:
            with pytest.raises(LocalOnly):
                await registry.create(provider, transport).list_models()
        finally:
            await transport.aclose()
        assert (beyond.connections, beyond.names) == (0, [])


async def test_routing_that_forgot_it_would_be_stopped_at_the_door() -> None:
    """Two fences: an engine that is asked all the same does not get out."""
    async with outside() as beyond:
        transport = Transport(lookup=beyond.lookup)
        engine = registry.create(Provider("p", "openai_compat", base_url="https://api.provider.example/v1"), transport)
        try:
            with confined(), pytest.raises(LocalOnly):
                await engine.list_models()
            assert beyond.names == []
            with pytest.raises(UpstreamUnreachable):
                await engine.list_models()
            assert beyond.names  # the resolver does count: without the wish it is asked
        finally:
            await transport.aclose()


async def test_the_one_beside_it_is_not_confined() -> None:
    """At the same moment, in the same gateway."""
    async with outside() as beyond, a_town(beyond) as here:
        inside, free = await asyncio.gather(
            here.ask(here.call("bad/m", wishes=Wishes(local_only=True))), here.ask(here.call("bad/m", wishes=Wishes()))
        )
        assert type(inside.error) is LocalOnly
        assert free.error is not None
        assert not isinstance(free.error, LocalOnly)
        assert beyond.connections == 1


async def test_a_second_gateway_behind_it_is_told() -> None:
    """It may have providers of its own: the wish goes along with the request."""
    async with town(whole("from behind")) as here:
        here.add("hop", here.upstreams["bad"].url.replace("127.0.0.1", "localhost"), is_local=True)
        outcome = await here.ask(here.call("hop/m", wishes=Wishes(local_only=True)))
        assert outcome.model == "hop/m"
        assert here.upstreams["bad"].requests[0].headers["x-batuta-local-only"] == "true"
        await here.ask(here.call("hop/m", wishes=Wishes()))
        assert "x-batuta-local-only" not in here.upstreams["bad"].requests[1].headers

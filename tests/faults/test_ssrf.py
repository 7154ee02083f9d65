"""S5: nobody makes Batuta go where it should not, nor take a key elsewhere. Counted at the sockets."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from batuta.catalog.entities import Provider
from batuta.engines import registry
from batuta.engines.transport import Transport
from batuta.errors import BadSettings, BatutaError, UpstreamFailed, UpstreamUnreachable
from batuta.routing.wishes import Wishes
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import FaultyUpstream
from batuta.vault.secret import Secret
from tests.faults.town import KEY, town


class Names:
    """A resolver that answers one address after the other, whatever is asked for."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[str] = []

    async def __call__(
        self, host: str, port: int, family: socket.AddressFamily
    ) -> Sequence[tuple[socket.AddressFamily, str]]:
        del port, family
        self.asked.append(host)
        address = self.addresses[min(len(self.asked), len(self.addresses)) - 1]
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, address)]


async def listed(url: str, names: Names, *, is_local: bool = False) -> BatutaError | None:
    """Ask a provider for its models; return how it failed."""
    transport = Transport(lookup=names)
    provider = Provider("p", "openai_compat", base_url=url, is_local=is_local)
    try:
        await registry.create(provider, transport, key=Secret(KEY)).list_models()
    except BatutaError as error:
        return error
    finally:
        await transport.aclose()
    return None


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:127.0.0.1", "0.0.0.0"],
)
async def test_a_public_name_that_resolves_to_a_private_address_is_not_connected_to(address: str) -> None:
    """Whoever owns a name may point it anywhere; the error says what to do if that is meant."""
    async with FaultyUpstream(faulty.whole()) as inside:
        error = await listed(f"http://rebound.example:{inside.port}/v1", Names(address))
        assert type(error) is UpstreamUnreachable
        assert "does not go to" in error.message
        assert inside.connections == 0


async def test_a_name_on_the_persons_own_network_is_reached_when_it_is_marked_so() -> None:
    """The same name, the same address: the person's word makes the difference."""
    listing = faulty.status(200, {"object": "list", "data": [{"id": "m"}]})
    async with FaultyUpstream(listing) as inside:
        url = f"http://box.example:{inside.port}/v1"
        assert await listed(url, Names("127.0.0.1"), is_local=True) is None
        assert inside.connections == 1
        assert await listed(url, Names("169.254.169.254"), is_local=True) is not None
        assert inside.connections == 1


async def test_what_was_looked_at_is_what_is_connected_to() -> None:
    """A second answer, given to whoever asks again, is never asked for."""
    listing = faulty.status(200, {"object": "list", "data": [{"id": "m"}]})
    async with FaultyUpstream(listing) as inside:
        names = Names("127.0.0.1", "127.0.0.2")
        assert await listed(f"http://box.example:{inside.port}/v1", names, is_local=True) is None
        assert names.asked == ["box.example"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/iam",
        "http://[fd00:ec2::254]/latest",
        "http://metadata.google.internal/computeMetadata/v1",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://10.0.0.1:8080/v1",
        "https://192.168.7.7/v1",
    ],
)
async def test_addresses_at_which_clouds_and_networks_keep_their_secrets(url: str) -> None:
    """In every way of writing them; no name is even resolved to them."""
    error = await listed(url, Names("169.254.169.254"))
    assert isinstance(error, UpstreamUnreachable | UpstreamFailed)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h/v1", "unix:///run/docker.sock", "http://u:p@h/v1", "//h"]
)
async def test_what_is_no_address_of_an_api_is_no_provider(url: str) -> None:
    """Refused before anything is opened."""
    transport = Transport()
    with pytest.raises(BadSettings):
        registry.create(Provider("p", "openai_compat", base_url=url), transport)
    await transport.aclose()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_takes_no_key_elsewhere(code: int) -> None:
    """It is an error, and the next candidate answers."""
    async with FaultyUpstream(faulty.whole()) as elsewhere:
        away = faulty.status(code, b"", location=elsewhere.url.replace("127.0.0.1", "127.0.0.2"))
        async with town(away) as here:
            outcome = await here.ask(here.call(wishes=Wishes()))
            assert type(outcome.error) is UpstreamFailed
            assert (await here.ask(here.call())).model == "good/m"
        assert elsewhere.connections == 0


async def test_a_body_cannot_say_where_to_send_it() -> None:
    """What other gateways obey there is passed on like any unknown field, and nobody goes there."""
    async with FaultyUpstream(faulty.whole()) as thief, town(faulty.whole("fine")) as here:
        fields: dict[str, Any] = {
            "api_base": thief.url,
            "base_url": thief.url,
            "api_key": "x",
            "custom_llm_provider": "openai",
        }
        outcome = await here.ask(here.call(**fields))
        assert outcome.model == "bad/m"
        assert thief.connections == 0
        assert here.upstreams["bad"].requests[0].headers["authorization"] == f"Bearer {KEY}"

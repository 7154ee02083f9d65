"""Many fake providers in one process, each below a path of its own. Knows the providers' list, not their dialects.

    async with FakeProviders() as fakes:
        ...  # OpenAI's at f"{fakes.url}/openai/v1" with the key key_of("openai")

What goes wrong is asked for by name (see plays): in the header `x-fake-fault`, behind a model's name, beside a key
(`fakes.keys`), or for the next requests (`fakes.plan`). Run by hand: `python -m batuta.testing.providers --port N`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from aiohttp import web

from batuta.testing.local_server import Handler, LocalServer
from batuta.testing.providers import genspark, wire
from batuta.testing.providers.plays import Play, in_model, named
from batuta.testing.providers.refusals import Refused, Why
from batuta.testing.providers.registry import vendors
from batuta.testing.providers.vendor import Exchange, Route, Vendor, any_key, parsed
from batuta.testing.providers.wire import Reply

KEY_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key"})
FAULT_HEADER = "x-fake-fault"
ABOUT_USE = frozenset({Why.NO_CREDIT, Why.SPENT, Why.DAILY, Why.CONTEXT, Why.CONTENT})


def key_of(provider: str) -> str:
    """Return the key that a fake provider takes from the start."""
    return f"sk-test-not-a-key-{provider}"


@dataclass(slots=True)
class Seen:
    """A request that came.

    Attributes:
        number: counts all requests.
        provider: whose path it was; empty: nobody's.
        method, path, query: of the request.
        headers: names in lower case, those with a key left out.
        key: that came with it.
        body: its JSON, as far as it was read.
        fault: the name of what went wrong on purpose.
        outcome: `open`, `answered`, `refused`, `left` (the other side hung up), or the fate it met.
        status: of the answer.
    """

    number: int
    provider: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    outcome: str = "open"
    status: int = 0

    def told(self) -> dict[str, Any]:
        """Return it as JSON, of the key only the end."""
        fields = ("number", "provider", "method", "path", "body", "fault", "outcome", "status")
        rest = {"query": dict(self.query), "headers": dict(self.headers), "key_end": (self.key or "")[-4:]}
        return {name: getattr(self, name) for name in fields} | rest


class FakeProviders(LocalServer):
    """The fake providers.

    Args:
        port: 0 picks a free one.

    Attributes:
        vendors: by id; their `shelf` is the list of models, to be changed at will.
        keys: of each vendor, what goes wrong with each key that it takes; an empty name: nothing.
        requests: what came, in order.
        counts: of requests, by `PROVIDER METHOD PATH`.
        in_flight, peak: requests that are being answered, and the most there have been at once.
    """

    name = "fake providers"
    default_port = 11500

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.vendors: dict[str, Vendor] = {vendor.id: vendor for vendor in vendors()}
        self.keys: dict[str, dict[str, str]] = {name: {key_of(name): ""} for name in self.vendors}
        self.requests: list[Seen] = []
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self.peak = 0
        self._plans: dict[str, deque[str]] = {name: deque() for name in self.vendors}
        self._numbers = count(1)

    def plan(self, provider: str, fault: str, *, times: int = 1) -> None:
        """Let the provider's next requests go wrong, behind those that are planned already.

        Raises:
            ValueError: nobody knows the name of the fault.
            KeyError: nobody knows the provider.
        """
        named(fault)
        self._plans[provider].extend([fault] * times)

    def asked(self, provider: str) -> list[Seen]:
        """Return the requests that one provider got."""
        return [seen for seen in self.requests if seen.provider == provider]

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        own: Sequence[tuple[str, str, Handler]] = (
            ("GET", "/fake/requests", self._told),
            ("DELETE", "/fake/requests", self._forget),
            ("GET", "/fake/counts", self._counted),
            ("POST", "/fake/plan", self._planned),
            ("POST", "/fake/keys", self._given),
            ("*", "/fake/elsewhere", self._elsewhere),
        )
        return (
            *own,
            *(
                (route.method, route.path, self._handler(vendor, route))
                for vendor in self.vendors.values()
                for route in vendor.routes()
            ),
        )

    # --- an exchange -------------------------------------------------------------------------------------------------

    def _handler(self, vendor: Vendor, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            headers = {name.lower(): value for name, value in request.headers.items()}
            seen = self._saw(request, headers, vendor)
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            try:
                return await self._exchange(request, seen, vendor, route, headers)
            except asyncio.CancelledError:
                seen.outcome = "left"
                raise
            except ConnectionError:
                seen.outcome = "left"
                return web.Response()
            finally:
                self.in_flight -= 1

        return handle

    def _saw(self, request: web.Request, headers: Mapping[str, str], vendor: Vendor | None) -> Seen:
        seen = Seen(
            next(self._numbers),
            vendor.id if vendor else "",
            request.method,
            request.path,
            {name: value for name, value in request.query.items() if name != "key"},
            {name: value for name, value in headers.items() if name not in KEY_HEADERS},
            vendor.key_in(headers, request.query) if vendor else any_key(headers),
        )
        self.requests.append(seen)
        self.counts[f"{seen.provider} {seen.method} {seen.path}"] += 1
        return seen

    async def _exchange(
        self, request: web.Request, seen: Seen, vendor: Vendor, route: Route, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        raw = await request.read()
        exchange = Exchange(
            seen.number, request.path, {}, headers, request.query, dict(request.match_info), seen.key, Play()
        )
        try:
            body = parsed(raw)
            seen.body = body
            play = self._play(vendor, seen, headers, body, exchange.names)
            exchange = replace(exchange, body=body, **_spared(route, play))
            await asyncio.sleep(play.first_s)
            if play.is_silent:
                await asyncio.Event().wait()
            answer = self._instead(vendor, exchange) or self._answer(vendor, route, exchange)
        except Refused as refused:
            answer = vendor.refusal(refused, exchange)
        answer = _with_headers(answer, vendor.headers(exchange))
        response, outcome = await wire.send(request, answer, exchange.play)
        seen.status = response.status
        seen.outcome = "refused" if outcome == "answered" and response.status >= 400 else outcome
        return response

    def _answer(self, vendor: Vendor, route: Route, exchange: Exchange) -> Reply | wire.Stream:
        if not route.is_open:
            if exchange.key is None:
                raise Refused(Why.NO_KEY)
            if exchange.key not in self.keys[vendor.id]:
                raise Refused(Why.BAD_KEY)
        answer = route.action(exchange)
        if isinstance(answer, Reply) and exchange.play.fate == "error":
            raise Refused(Why.BROKEN)  # there is no stream in which it could come
        return answer

    def _play(
        self,
        vendor: Vendor,
        seen: Seen,
        headers: Mapping[str, str],
        body: Mapping[str, Any],
        names: Mapping[str, str],
    ) -> Play:
        """Return what shall go wrong: planned, else asked for by header, model or key."""
        plans = self._plans[vendor.id]
        model = body.get("model") or names.get("model") or ""
        name = (
            (plans.popleft() if plans else "")
            or headers.get(FAULT_HEADER, "")
            or in_model(str(model))[1]
            or self.keys[vendor.id].get(seen.key or "", "")
        )
        seen.fault = name
        try:
            return named(name)
        except ValueError as error:
            raise Refused(Why.BAD, str(error)) from None

    def _instead(self, vendor: Vendor, exchange: Exchange) -> Reply | None:
        """Return what is answered instead of what the provider would answer."""
        play = exchange.play
        if play.redirect:
            return Reply(b"", 307, {"location": play.redirect})
        if play.raw is not None:
            return Reply(play.raw, play.status or 200, content_type=play.content_type)
        if play.notice:
            return genspark.notice(play.notice, exchange)
        if play.refuse is not None:
            vendor.check(exchange)
        return None

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        owner = request.path.split("/")[1]
        vendor = next((each for each in self.vendors.values() if each.id == owner), None)
        seen = self._saw(request, headers, vendor)
        seen.status, seen.outcome = 404, "refused"
        if vendor is None:
            return web.json_response({"error": f"no fake provider is at {request.path}"}, status=404)
        exchange = Exchange(seen.number, request.path, {}, headers, request.query, {}, seen.key, Play())
        reply = vendor.refusal(Refused(Why.NO_PATH), exchange)
        return (await wire.send(request, reply, exchange.play))[0]

    # --- for those who run it by hand --------------------------------------------------------------------------------

    async def _told(self, _request: web.Request) -> web.Response:
        return web.json_response([seen.told() for seen in self.requests])

    async def _forget(self, _request: web.Request) -> web.Response:
        self.requests.clear()
        self.counts.clear()
        return web.json_response({})

    async def _counted(self, _request: web.Request) -> web.Response:
        counted = {"in_flight": self.in_flight, "peak": self.peak, "requests": dict(self.counts)}
        return web.json_response(counted)

    async def _planned(self, request: web.Request) -> web.Response:
        body = await request.json()
        try:
            self.plan(body["provider"], body["fault"], times=int(body.get("times", 1)))
        except (KeyError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({})

    async def _given(self, request: web.Request) -> web.Response:
        body = await request.json()
        try:
            named(body.get("fault", ""))
            self.keys[body["provider"]][body["key"]] = body.get("fault", "")
        except (KeyError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({})

    async def _elsewhere(self, request: web.Request) -> web.Response:
        """Be where a redirect leads: whoever follows it with its key has lost it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = self._saw(request, headers, None)
        seen.status, seen.outcome = 200, "answered"
        return web.json_response({"elsewhere": True})


def _spared(route: Route, play: Play) -> dict[str, Any]:
    """Return the play of an exchange. Who has no credit still gets what costs nothing: its key is good."""
    is_about_credit = (play.refuse in ABOUT_USE and not play.status) or play.notice == "credit"
    if is_about_credit and (route.is_free or route.method == "GET"):
        return {"play": replace(play, refuse=None, notice=""), "is_broke": True}
    return {"play": play}


def _with_headers(answer: Reply | wire.Stream, headers: Mapping[str, str]) -> Reply | wire.Stream:
    return replace(answer, headers={**headers, **answer.headers})

"""A router's events, listened to for as long as somebody wants them: it comes back by itself. Knows no models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from batuta.chat.sse import SSEParser
from batuta.engines.llama_server.api import LlamaServerApi
from batuta.engines.llama_server.wire import Event, read_event
from batuta.errors import BatutaError, Cause, UpstreamRejected
from batuta.tasks import Tasks

QUIET_S: Final = 120.0  # a router has no heartbeat: after this much silence the connection is made anew
RETRY_S: Final = 0.5  # doubled with each try that fails
LONGEST_RETRY_S: Final = 30.0
MISSING_RETRY_S: Final = 60.0  # it has no events: it is too old, or no router any more


class RouterEvents:
    """The stream of one router.

    Args:
        api: where it comes from.
        on_event: told each event.
        on_turn: told when the stream begins, for what was before it is told to nobody; and when it breaks off.
        retry_s: seconds before the first new try.

    Attributes:
        is_on: events arrive now.
        is_missing: it answered that it has none.
    """

    def __init__(
        self,
        api: LlamaServerApi,
        *,
        on_event: Callable[[Event], None],
        on_turn: Callable[[], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._api = api
        self._on_event = on_event
        self._on_turn = on_turn
        self._retry_s = retry_s
        self._tasks = Tasks(self._died)
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self.is_on = False
        self.is_missing = False

    def start(self) -> None:
        """Listen from now on; nothing new if it listens already."""
        if not self._is_closed and (self._task is None or self._task.done()):
            self._task = self._tasks.start(self._run(), name="events of a llama-server")

    async def aclose(self) -> None:
        """Listen no more."""
        self._is_closed = True
        await self._tasks.aclose()
        self.is_on = False

    async def _run(self) -> None:
        """Listen, and after each end wait longer, unless it had begun well."""
        failures = 0
        while True:
            try:
                has_begun = await self._listen()
            except UpstreamRejected:
                self.is_missing, failures = True, 0
                await asyncio.sleep(max(MISSING_RETRY_S, self._retry_s))
                continue
            failures = 0 if has_begun else failures + 1
            await asyncio.sleep(min(self._retry_s * 2 ** min(failures, 10), LONGEST_RETRY_S))

    async def _listen(self) -> bool:
        """Follow the stream to its end; return whether there was one. Raises UpstreamRejected when it has none."""
        try:
            reply = await self._api.events(idle_s=QUIET_S)
        except UpstreamRejected:
            raise
        except BatutaError:
            return False
        self.is_on, self.is_missing = True, False
        self._on_turn()
        parser, was_quiet = SSEParser(), False
        try:
            async for chunk in reply.chunks():
                for each in parser.feed(chunk):
                    if (event := read_event(each.data)) is not None:
                        self._on_event(event)
        except BatutaError as error:
            was_quiet = error.cause is Cause.ENGINE_OFFLINE  # only silence; what it missed, the next turn finds
        finally:
            self.is_on = False
            await reply.aclose()
        if not was_quiet:
            self._on_turn()
        return True

    def _died(self, name: str, error: BaseException) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": f"{name} died", "exception": error})

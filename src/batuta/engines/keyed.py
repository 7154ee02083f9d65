"""One provider, several keys: each call takes the best key there is, and the next one where a key is to blame.

Adapters have one key for their life and know nothing of this. Which keys there are and how they do, a shelf knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Final, TypeVar, cast

from batuta.catalog.entities import ModelSpec, Provider
from batuta.chat.types import CallNote, ChatRequest, Delta
from batuta.engines.base import (
    DescribedEngine,
    EmbeddingResult,
    Engine,
    EngineHealth,
    EngineInfo,
    EngineStatus,
    PassThroughEngine,
    RawCall,
    RawReply,
    ReportedModel,
)
from batuta.engines.fault_table import FaultClass, class_of
from batuta.engines.first_event import begun
from batuta.engines.keys import KeyShelf, LentKey
from batuta.errors import BatutaError
from batuta.vault.secret import Secret

T = TypeVar("T")
KEY_FAULTS: Final = frozenset({FaultClass.AUTH, FaultClass.QUOTA, FaultClass.RATE})
"""What is the key's, so that another key of the same provider may do. A missing permission is the model's."""
CLOSE_WITHIN_S: Final = 5.0


class KeyedEngine:
    """The engine of a provider with keys. A PassThroughEngine, or a DescribedEngine, exactly when its inner ones are.

    1. The shelf says which keys may be tried, the best first. None: the provider asks for no key.
    2. A key that is refused, has no credit or is limited before the first delta is reported, and the next one is tried,
       each once. What others have found out meanwhile counts.
    3. Whatever else goes wrong, and all that comes after the first delta, is the caller's to hear.

    Args:
        provider: who is asked; keys are lent for its address.
        make: makes the engine of one key; of no key with None. It opens nothing.
        shelf: where the keys are.

    Attributes:
        dialect: as of the inner engines; not there when they have none.
    """

    dialect: str
    describe: Callable[[], Awaitable[EngineInfo]]

    def __init__(self, provider: Provider, make: Callable[[Secret | None], Engine], shelf: KeyShelf) -> None:
        self.provider = provider
        self._make = make
        self._shelf = shelf
        self._plain = make(None)
        self.kind = self._plain.kind
        self._made: dict[str, tuple[LentKey, Engine]] = {}
        # The gateway asks for the dialect by name, and the catalog whether there is a description.
        if (dialect := getattr(self._plain, "dialect", None)) is not None:
            self.dialect = dialect
        if isinstance(self._plain, DescribedEngine):
            self.describe = self._describe

    def __repr__(self) -> str:
        return f"<KeyedEngine {self.provider.id}, {len(self._made)} keys in use>"

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the model's name in a request body."""
        return cast("PassThroughEngine", self._plain).wire_name(spec)

    async def forward(self, spec: ModelSpec, call: RawCall) -> RawReply:
        """Send the call with the best key; an error event that begins the stream counts as an error here."""

        async def send(engine: Engine, secret: Secret | None) -> RawReply:
            reply = await cast("PassThroughEngine", engine).forward(spec, call)
            if not call.stream:
                return reply
            return await begun(reply, where=self.provider.id, model=spec.id, hide=secret, is_for_next=is_keys_fault)

        reply, _ = await self._try(spec, send, note=call.note)
        return reply

    async def chat(self, spec: ModelSpec, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the answer. Raises as the shelf and the inner engines do."""
        tried: set[str] = set()
        keys = self._usable(spec)
        while True:
            key = keys[0] if keys else None
            engine = await self._engine(key, request.note)
            has_begun = False
            try:
                async with aclosing(engine.chat(spec, request)) as deltas:
                    async for delta in deltas:
                        if not has_begun:
                            has_begun = True
                            self._went(key, None, spec)
                        yield delta
            except BatutaError as error:
                if has_begun or key is None or not (keys := self._others(key, error, tried, spec)):
                    raise
            else:
                return

    async def embed(self, spec: ModelSpec, inputs: Sequence[str]) -> EmbeddingResult:
        """Return one vector an input, and with which key."""
        result, key_id = await self._try(spec, lambda engine, _: engine.embed(spec, inputs))
        return replace(result, key_id=key_id) if key_id else result

    async def list_models(self) -> Sequence[ReportedModel]:
        """Return what the provider lists. It costs nothing, so keys that rest will do; that it worked proves none."""
        models, _ = await self._try(None, lambda engine, _: engine.list_models())
        return models

    async def probe(self, spec: ModelSpec) -> EngineStatus:
        """Ask with the best key. Without one the model cannot answer, and the message says why."""
        try:
            keys = self._shelf.usable(self.provider, is_free=True)
        except BatutaError as error:
            return EngineStatus(EngineHealth.OFFLINE, error.message)
        engine = await self._engine(keys[0] if keys else None)
        return await engine.probe(spec)

    async def _describe(self) -> EngineInfo:
        info, _ = await self._try(None, lambda engine, _: cast("DescribedEngine", engine).describe())
        return info

    async def keep_only(self, is_in_use: Callable[[LentKey], bool]) -> None:
        """Close the engines of keys that may not be kept any more, and forget those keys."""
        gone = [key_id for key_id, (key, _) in self._made.items() if not is_in_use(key)]
        for engine in [self._made.pop(key_id)[1] for key_id in gone]:
            await _closed(engine)

    async def aclose(self) -> None:
        """Close the engine of every key, and forget the keys. Answers that run keep what they need."""
        made, self._made = self._made, {}
        for engine in (self._plain, *(engine for _, engine in made.values())):
            await _closed(engine)

    # --- keys ----------------------------------------------------------------------------------------------------

    async def _try(
        self,
        spec: ModelSpec | None,
        ask: Callable[[Engine, Secret | None], Awaitable[T]],
        *,
        note: CallNote | None = None,
    ) -> tuple[T, str]:
        """Ask with one key after the other; return the answer and the key's id. Without a spec: what costs nothing."""
        tried: set[str] = set()
        keys = self._usable(spec)
        while True:
            key = keys[0] if keys else None
            engine = await self._engine(key, note)
            try:
                answer = await ask(engine, key.secret if key else None)
            except BatutaError as error:
                if key is None or not (keys := self._others(key, error, tried, spec)):
                    raise
            else:
                if spec is not None:
                    self._went(key, None, spec)
                return answer, key.id if key else ""

    def _usable(self, spec: ModelSpec | None) -> Sequence[LentKey]:
        if spec is None:
            return self._shelf.usable(self.provider, is_free=True)
        try:
            return self._shelf.usable(self.provider)
        except BatutaError as error:
            error.model = error.model or spec.id
            raise

    def _others(self, key: LentKey, error: BatutaError, tried: set[str], spec: ModelSpec | None) -> Sequence[LentKey]:
        """Report what went wrong with a key; return those that are left to try, none where the key is not to blame."""
        if not is_keys_fault(error):
            return ()
        self._went(key, error, spec)
        tried.add(key.id)
        try:
            return [other for other in self._usable(spec) if other.id not in tried]
        except BatutaError:  # nobody is left; what the provider said is worth more than that
            return ()

    def _went(self, key: LentKey | None, error: BatutaError | None, spec: ModelSpec | None) -> None:
        if key is not None:
            self._shelf.went(key, error, model=spec.id if spec else "")

    async def _engine(self, key: LentKey | None, note: CallNote | None = None) -> Engine:
        """Return the engine of a key, and note whose it is. One that has become another key gets a new engine."""
        if key is None:
            return self._plain
        if note is not None:
            note.key_id = key.id
        known = self._made.get(key.id)
        if known is not None and (known[0] is key or known[0].secret is key.secret):
            return known[1]
        engine = self._make(key.secret)
        self._made[key.id] = (key, engine)
        if known is not None:
            await _closed(known[1])
        return engine


def is_keys_fault(error: BatutaError) -> bool:
    """Say whether another key of the same provider may fare better."""
    return class_of(error) in KEY_FAULTS


async def _closed(engine: Engine) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await engine.aclose()

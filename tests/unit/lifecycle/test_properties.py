"""The lifecycle under arbitrary events: no sequence breaks an invariant, and everybody who waits is answered."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from batuta.catalog.entities import MemoryNeed, ModelSpec
from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import AbortLoad, Command, Grant, Refuse, Sleep, StartLoad, StartUnload, Wake
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.states import ModelState

LOCAL = ("brain", "coder", "small", "dozer", "giant", "napper", "yawner")
CARD = "cuda:0"
ON_CARD = frozenset({"napper", "yawner"})  # parked in host memory when they leave the card
SLEEPERS = ON_CARD | {"dozer"}
REMOTE = "api/far"
MODELS = (*LOCAL, REMOTE)
NEEDS = {"brain": 13, "coder": 9, "small": 3, "dozer": 6, "giant": 40, "napper": 7, "yawner": 10}
models = st.sampled_from(MODELS)
local = st.sampled_from(LOCAL)


class World(RuleBasedStateMachine):
    """Engines and callers that do anything at any time; the lifecycle must keep its promises."""

    def __init__(self) -> None:
        super().__init__()
        ledgers = {"host": MemoryLedger("host", 16), CARD: MemoryLedger(CARD, 12)}
        self.lifecycle = Lifecycle(ledgers, load_timeout_s=60.0)
        self.now = 0.0
        self.ids = itertools.count()
        self.asked: set[str] = set()  # requests not answered yet
        self.held: set[str] = set()  # leases
        self.specs: dict[str, ModelSpec] = {}
        self.loading: set[str] = set()  # loads that engines have been told to do
        self.unloading: dict[str, type[Command]] = {}
        self.resident: set[str] = set()  # what engines really hold
        self.stubborn: set[str] = set()  # models whose engines never unload them
        self.tells = False  # those engines say so before they are asked
        self.refused: set[tuple[str, int]] = set()  # unloads that were refused for good, each in one stay in memory

    @initialize(
        ttl=st.one_of(st.none(), st.floats(1, 30)),
        pinned=st.sets(local, max_size=1),
        slots=st.integers(1, 3),
        stubborn=st.sets(local, max_size=2),
        tells=st.booleans(),
    )
    def register(self, *, ttl: float | None, pinned: set[str], slots: int, stubborn: set[str], tells: bool) -> None:
        self.stubborn, self.tells = stubborn, tells
        for name in LOCAL:
            self.specs[name] = ModelSpec(
                name,
                "local",
                name,
                memory=MemoryNeed(weights=NEEDS[name]),
                device=CARD if name in ON_CARD else "host",
                is_loadable=True,
                slots=slots,
                ttl_s=ttl,
                pinned=name in pinned,
            )
        self.specs[REMOTE] = ModelSpec(REMOTE, "api", "far")
        for name in MODELS:
            self.offer(name)

    def offer(self, model: str) -> None:
        self.send(ev.Registered(self.specs[model], can_sleep=model in SLEEPERS))

    # What the lifecycle orders, the world takes in -----------------------------------------------------------

    def send(self, event: ev.Event) -> None:
        for command in self.lifecycle.handle(event, self.now):
            self.obey(command)
        self.lifecycle.check()

    def obey(self, command: Command) -> None:
        match command:
            case Grant(request=request, model=model):
                assert request in self.asked, f"{request} granted twice or never asked"
                assert model == REMOTE or model in self.resident, f"{model} granted and not in memory"
                self.asked.remove(request)
                self.held.add(request)
            case Refuse(request=request):
                assert request in self.asked, f"{request} refused twice or never asked"
                self.asked.remove(request)
            case StartLoad(model=model) | Wake(model=model):
                assert model not in self.loading, f"{model} loaded twice at once"
                assert model not in self.resident - self.stubborn, f"{model} reloaded though resident"
                self.loading.add(model)
            case AbortLoad(model=model):
                assert model in self.loading
            case StartUnload(model=model) | Sleep(model=model):
                assert model != REMOTE, "nothing can be unloaded behind an API"
                leased = [r for r in self.held if self.lease_is_live(r, model)]
                assert not leased, f"{model} evicted while leased by {leased}"
                assert model not in self.unloading
                assert not (self.tells and model in self.stubborn), f"{model} told to go though it cannot"
                assert (model, self.stay_of(model)) not in self.refused, f"{model} told to go again though it cannot"
                self.unloading[model] = type(command)
            case _:
                pass

    def stay_of(self, model: str) -> int:
        return self.lifecycle.residencies[model].epoch

    def lease_is_live(self, request: str, model: str) -> bool:
        residency = self.lifecycle.residencies.get(model)
        return residency is not None and self.lifecycle.leases.get(request) == (model, residency.epoch)

    # Callers ------------------------------------------------------------------------------------------------

    @rule(model=models, priority=st.sampled_from(ev.Priority), patience=st.floats(0.1, 200))
    def want(self, model: str, priority: ev.Priority, patience: float) -> None:
        request = f"r{next(self.ids)}"
        self.asked.add(request)
        self.send(ev.Wanted(request, model, priority, self.now + patience))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def leave_the_queue(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(sorted(self.asked)))
        self.asked.remove(request)
        self.send(ev.Abandoned(request))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), ok=st.sampled_from([True, False, None]))
    def release(self, data: st.DataObject, *, ok: bool | None) -> None:
        request = data.draw(st.sampled_from(sorted(self.held)))
        self.held.remove(request)
        self.send(ev.Released(request, ok))

    @rule(model=models, cause=st.sampled_from(Cause))
    def answer_badly(self, model: str, cause: Cause) -> None:
        self.send(ev.AnswerFailed(model, cause, "scripted"))

    # Engines ------------------------------------------------------------------------------------------------

    def why(self, model: str) -> str:
        return "scripted" if self.tells and model in self.stubborn else ""

    @precondition(lambda self: self.loading)
    @rule(data=st.data(), took=st.integers(0, 12), copy=st.integers(0, 9))
    def finish_load(self, data: st.DataObject, took: int, copy: int) -> None:
        model = data.draw(st.sampled_from(sorted(self.loading)))
        self.loading.remove(model)
        self.resident.add(model)
        self.send(ev.Loaded(model, took, 1.0, fixed=self.why(model), host_bytes=copy if model in ON_CARD else 0))

    @precondition(lambda self: self.loading)
    @rule(data=st.data(), cause=st.sampled_from(Cause))
    def fail_load(self, data: st.DataObject, cause: Cause) -> None:
        model = data.draw(st.sampled_from(sorted(self.loading)))
        self.loading.remove(model)
        self.send(ev.LoadFailed(model, cause, "scripted"))

    @precondition(lambda self: self.loading)
    @rule(data=st.data(), fraction=st.floats(0, 1))
    def progress(self, data: st.DataObject, fraction: float) -> None:
        self.send(ev.Progressed(data.draw(st.sampled_from(sorted(self.loading))), "reading", fraction))

    @precondition(lambda self: self.unloading)
    @rule(data=st.data(), fails=st.booleans())
    def finish_unload(self, data: st.DataObject, *, fails: bool) -> None:
        model = data.draw(st.sampled_from(sorted(self.unloading)))
        self.end_unload(model, fails=fails)

    def end_unload(self, model: str, *, fails: bool = False) -> None:
        kind = self.unloading.pop(model)
        if fails or model in self.stubborn:
            is_final = model in self.stubborn and model in self.lifecycle.residencies
            if is_final:
                self.refused.add((model, self.stay_of(model)))
            self.send(ev.UnloadFailed(model, "scripted", is_final=is_final))
        else:
            self.resident.discard(model)
            self.send(ev.Slept(model) if kind is Sleep else ev.Unloaded(model, 0.1))

    @precondition(lambda self: self.stubborn - self.resident - self.loading)
    @rule(data=st.data())
    def be_started_by_a_person(self, data: st.DataObject) -> None:
        """A server that holds one model comes up by itself."""
        self.resident.add(data.draw(st.sampled_from(sorted(self.stubborn - self.resident - self.loading))))

    @precondition(lambda self: self.resident - self.loading)
    @rule(data=st.data(), loader_died=st.booleans())
    def die(self, data: st.DataObject, *, loader_died: bool) -> None:
        model = data.draw(st.sampled_from(sorted(self.resident - self.loading)))
        self.resident.remove(model)
        self.unloading.pop(model, None)
        self.send(ev.Lost(model, "scripted") if loader_died else ev.Crashed(model, "scripted"))

    @rule()
    def observe(self) -> None:
        steady = frozenset(set(LOCAL) - self.loading - set(self.unloading))
        held = {model: 1 for model in self.resident if model in steady}
        fixed = {model: why for model in held if (why := self.why(model))}
        self.send(ev.Observed(held, steady, fixed=fixed))

    # People -------------------------------------------------------------------------------------------------

    @rule(model=models)
    def ask_unload(self, model: str) -> None:
        self.send(ev.UnloadAsked(model))

    @rule(model=models)
    def forget(self, model: str) -> None:
        self.send(ev.Forgotten(model))

    @rule(model=models, need=st.integers(1, 15), enabled=st.booleans())
    def discover(self, model: str, need: int, *, enabled: bool) -> None:
        memory = MemoryNeed(weights=need if model != REMOTE else 0)
        self.specs[model] = replace(self.specs[model], memory=memory, enabled=enabled)
        self.offer(model)

    @rule(model=local, pinned=st.booleans())
    def pin(self, model: str, *, pinned: bool) -> None:
        self.send(ev.PinChanged(model, pinned))

    @rule(model=models, enabled=st.booleans())
    def switch(self, model: str, *, enabled: bool) -> None:
        self.send(ev.SwitchedOn(model) if enabled else ev.SwitchedOff(model))

    @rule(model=models)
    def reset(self, model: str) -> None:
        self.send(ev.ResetAsked(model))

    @rule(model=models, seconds=st.floats(0.1, 60))
    def hint(self, model: str, seconds: float) -> None:
        self.send(ev.Hinted(model, "scripted", self.now + seconds))

    @rule(model=st.one_of(st.none(), models), seconds=st.floats(0, 30))
    def return_to(self, model: str | None, seconds: float) -> None:
        self.send(ev.ReturnSet(model, seconds))

    @rule(device=st.sampled_from(("host", CARD)), budget=st.integers(0, 20))
    def set_budget(self, device: str, budget: int) -> None:
        self.send(ev.BudgetSet(device, budget, "scripted"))

    @rule(model=models, share=st.floats(0, 1))
    def see_the_cache(self, model: str, share: float) -> None:
        self.send(ev.CacheSeen(model, share))

    @rule(seconds=st.floats(0.01, 70))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.send(ev.Tick())

    # Promises -----------------------------------------------------------------------------------------------

    @invariant()
    def memory_is_never_overbooked(self) -> None:
        self.lifecycle.check()

    @invariant()
    def every_waiter_is_known(self) -> None:
        waiting = {w.request for m in self.lifecycle.waiting.models() for w in self.lifecycle.waiting.of(m)}
        assert waiting == self.asked, "a waiter was lost or answered without a word"

    @invariant()
    def what_cannot_leave_is_kept_in_the_books(self) -> None:
        for model, residency in self.lifecycle.residencies.items():
            if residency.is_fixed:
                device = residency.spec.device
                assert model in self.lifecycle.ledgers[device], f"{model} cannot leave memory and is in no book"

    @invariant()
    def those_who_wait_are_told_what_for(self) -> None:
        for model in self.lifecycle.waiting.models():
            residency = self.lifecycle.residencies[model]
            is_away = residency.state in {ModelState.ABSENT, ModelState.ASLEEP} and not residency.is_settling
            assert not is_away or model in self.lifecycle.outlook, f"nobody knows what {model} waits for"

    def teardown(self) -> None:
        """From any state, when engines and callers behave, everybody who waits gets an answer."""
        for _ in range(200):
            if not self.asked:
                break
            for request in sorted(self.held):
                self.held.discard(request)
                self.send(ev.Released(request, ok=True))
            for model in sorted(self.unloading):
                self.end_unload(model)
            for model in sorted(self.loading):
                self.loading.discard(model)
                self.resident.add(model)
                self.send(ev.Loaded(model, 0, 1.0, fixed=self.why(model)))
            self.now = max(self.now, self.lifecycle.alarm or self.now)
            self.send(ev.Tick())
        assert not self.asked, f"never answered: {self.asked}"
        stuck = [
            m for m, r in self.lifecycle.residencies.items() if r.state in {ModelState.LOADING, ModelState.UNLOADING}
        ]
        assert set(stuck) <= self.loading | set(self.unloading), f"nothing is under way for {stuck}"


World.TestCase.settings = settings(
    max_examples=int(os.environ.get("BATUTA_LIFECYCLE_RUNS", "150")),
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize="BATUTA_LIFECYCLE_RUNS" not in os.environ,  # a long run takes its seed from the command line
    suppress_health_check=list(HealthCheck),
)
TestWorld = World.TestCase

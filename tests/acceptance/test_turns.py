"""Two models take turns in a budget in which one fits: what really happens is what the simulator says will happen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from batuta.lifecycle import events as ev
from batuta.testing.gguf import tiny_gguf
from batuta.testing.simulate.demand import People, Step
from batuta.testing.simulate.device import Device, in_bytes
from batuta.testing.simulate.outcome import Kind
from batuta.testing.simulate.runs import lifecycle_of
from batuta.testing.simulate.world import START, World
from tests.support.running import Batuta, installation, until

pytestmark = pytest.mark.acceptance

RETURN_AFTER_S = 0.5
PAUSE_S = 60.0  # in virtual time: long enough for any return
Moves = list[tuple[str, str]]
# What each change of state is called in a simulation.
MOVES = {
    ("absent", "loading"): Kind.LOAD,
    ("loading", "ready"): Kind.LOADED,
    ("draining", "unloading"): Kind.UNLOAD,
    ("unloading", "absent"): Kind.UNLOADED,
}
FIRST = (Kind.UNLOADED, Kind.LOAD, Kind.LOADED, Kind.UNLOAD)  # of what happens in the same moment
# Of one person: who is asked, and whether there is a pause first in which the default model comes back.
SEQUENCE = (
    ("brain", False),
    ("brain", False),
    ("coder", False),
    ("coder", False),
    ("coder", True),
    ("brain", True),
    ("coder", False),
    ("brain", False),
    ("brain", True),
)


@pytest.fixture(scope="module")
def batuta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batuta]:
    """An installation whose budget holds either model and not both."""
    folder = tmp_path_factory.mktemp("turns")
    (folder / "models").mkdir()
    for name in ("brain", "coder"):
        tiny_gguf(folder / "models" / f"{name}.gguf", size="small")
    with installation(folder) as probe:
        until(lambda: len(probe.ask("GET", "/v1/models").json()["data"]) >= 2, what="models found")
        need = max(probe.model(name)["memory_bytes"]["needed"] for name in ("brain", "coder"))
    env = {
        "BATUTA_MEMORY__BUDGET": str(need * 3 // 2),
        "BATUTA_SWAP__RETURN_TO": "brain",
        "BATUTA_SWAP__RETURN_AFTER_S": str(RETURN_AFTER_S),
        "DEFAULT_MODEL": "brain",
        "EXECUTOR_MODEL": "coder",
    }
    with installation(folder, env=env) as it:
        until(lambda: it.model("brain")["state"] == "ready", within=60, what="the default model is there")
        yield it


def lived(batuta: Batuta, since: dict[str, int]) -> Moves:
    """Return what the models' stories tell after the first lines of each, in the order in which it happened."""
    told = []
    for model in ("brain", "coder"):
        lines = batuta.ask("GET", f"/manage/models/{model}/story").json()["story"][since[model] :]
        moves = [(line["at"], MOVES[line["old"], line["new"]], model) for line in lines if is_move(line)]
        told += moves
    told.sort(key=lambda each: (each[0], FIRST.index(each[1])))
    return [(kind.value, model) for _, kind, model in told]


def is_move(line: dict[str, str]) -> bool:
    return (line.get("old"), line.get("new")) in MOVES


def lines_of(batuta: Batuta) -> dict[str, int]:
    stories = {m: batuta.ask("GET", f"/manage/models/{m}/story").json()["story"] for m in ("brain", "coder")}
    return {model: len(lines) for model, lines in stories.items()}


def simulated(steps: list[Step]) -> Moves:
    """Return what the simulator says of the same requests, with the brain in memory at the beginning."""
    device = Device({"brain": 9.0, "coder": 9.0})
    lifecycle = lifecycle_of(in_bytes(device.budget))
    world = World(lifecycle, device, is_recorded=True)
    lifecycle.handle(ev.ReturnSet("brain", RETURN_AFTER_S), START)
    facts = world.run(People([[Step(0.0, "brain", 10, 10), *steps]])).facts
    moves = [(fact.kind.value, fact.model) for fact in facts if fact.kind in MOVES.values()]
    assert moves[:2] == [("load", "brain"), ("loaded", "brain")]
    return moves[2:]


def test_the_live_story_is_the_simulators(batuta: Batuta) -> None:
    """Load by load, unload by unload, in the same order; with pauses in which the default model returns."""
    before = lines_of(batuta)
    for model, has_pause in SEQUENCE:
        if has_pause:
            until(lambda: batuta.model("brain")["state"] == "ready", within=60, what="the brain is back")
        reply = batuta.chat(model)
        assert reply.status == 200, reply.body
        assert reply.headers["x-batuta-model"] == model
    until(lambda: batuta.model("brain")["state"] == "ready", within=60, what="the brain is back")
    steps = [Step(PAUSE_S if has_pause else 0.0, model, 10, 10) for model, has_pause in SEQUENCE]
    told = lived(batuta, before)
    assert told == simulated(steps)
    assert told.count(("load", "coder")) == 3
    assert told.count(("load", "brain")) == 3


def test_an_answer_under_way_is_finished_before_its_model_leaves(batuta: Batuta) -> None:
    """The other model's caller waits, and neither answer is cut."""
    assert batuta.chat("brain").status == 200
    stream = batuta.stream("brain", max_tokens=300)
    lines = stream.lines()
    until(lambda: next(lines).startswith("data: {"), what="it has begun")
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(batuta.chat, "coder")
        rest = [line for line in lines if line]
        stream.close()
        reply = waits.result()
    assert reply.status == 200, reply.body
    assert rest[-1] == "data: [DONE]"
    assert len(rest) > 250
    assert not any('"error"' in line for line in rest)

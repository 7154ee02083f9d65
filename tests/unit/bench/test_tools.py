"""The tools that measure must themselves be right: what they count, what they notice, what they compare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import mock, relay
from bench.__main__ import the_only_one
from bench.common import Goal, Meter, median, percentile, table
from bench.lifecycle import decide
from bench.loadgen import Job, Outcome, measure, read_text
from bench.overhead import CASES, Case, job_for
from bench.overhead_report import RATE, TOTAL, Report
from bench.startup import by_package
from bench.targets import Target, parse_peer

ANSWER, _, STREAM, _, PACED, LONG = CASES


@asynccontextmanager
async def mock_target() -> AsyncIterator[Target]:
    """Serve the mock in this loop."""
    server = await mock.serve()
    async with server:
        yield Target("direct", mock.port_of(server))


async def load(case: Case, target: Target, *, connections: int = 2, seconds: float = 0.2) -> Outcome:
    """Load a target without a warm-up."""
    job = job_for(case, target, warmup_s=0.0, duration_s=seconds, watch={})
    plain = Job(**{**{name: getattr(job, name) for name in Job.__slots__}, "connections": connections, "warmup_s": 0.0})
    return await measure(plain)


async def test_every_answer_is_counted_and_checked() -> None:
    """A closed loop over a sound server counts many answers, times each, and finds nothing wrong."""
    async with mock_target() as target:
        outcome = await load(ANSWER, target)
    assert outcome.errors == {}
    assert outcome.requests > 20
    assert 0 < outcome.ttft_ms["p50"] <= outcome.total_ms["p50"] <= outcome.total_ms["p99"] <= outcome.total_ms["max"]


async def test_a_long_prompt_arrives_whole() -> None:
    """A body of 107 kB takes many reads and is answered all the same."""
    async with mock_target() as target:
        outcome = await load(LONG, target, connections=1)
    assert (outcome.errors, outcome.requests > 5) == ({}, True)


@pytest.mark.parametrize("is_relayed", [False, True])
async def test_every_frame_of_a_stream_is_seen(*, is_relayed: bool) -> None:
    """Each stream has all its frames and its end marker, directly and through the relay."""
    async with mock_target() as target:
        server = await relay.serve(target.port)
        async with server:
            outcome = await load(STREAM, Target("relay", mock.port_of(server)) if is_relayed else target)
    assert outcome.errors == {}
    assert outcome.requests > 2
    assert outcome.frames >= outcome.requests * mock.EVENTS - 2 * mock.EVENTS
    assert outcome.gap_ms["p50"] > 0


async def test_paced_streams_come_at_a_hundred_words_a_second() -> None:
    """The mock's paced stream lasts as long as its 48 words 10 ms apart."""
    async with mock_target() as target:
        outcome = await load(PACED, target, connections=1, seconds=0.8)
    assert outcome.errors == {}
    assert outcome.requests >= 1
    assert outcome.total_ms["p50"] > 470  # late on a busy machine, never early


def _stream(events: int, end: bytes) -> bytes:
    frames = b"".join(b"data: {}\n\n" for _ in range(events)) + end
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
    return head % len(frames) + frames


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (_stream(10, b"data: [DONE]\n\n"), "11 frames of 51"),
        (_stream(51, b""), "no end marker"),
        (_stream(50, b"data: [DONE]\n\n"), "wrong text"),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy", "status 503: b'busy'"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", "connection closed inside an answer"),
        (b"nonsense\r\n\r\n", "not HTTP (HttpParserInvalidStatusError)"),
    ],
)
async def test_a_broken_answer_is_an_error_with_a_name(reply: bytes, problem: str) -> None:
    """Lost frames, a missing end, a wrong text, a bad status and a cut connection are each told apart."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        outcome = await load(STREAM, Target("broken", mock.port_of(server)), connections=1, seconds=0.1)
    errors = {name if not name.startswith("not HTTP") else "not HTTP" for name in outcome.errors}
    assert problem.partition(" (")[0] in errors
    assert outcome.requests == 0


async def test_nobody_there_is_an_error() -> None:
    """A dead port ends in errors, not in a hang."""
    async with mock_target() as target:
        pass
    outcome = await load(ANSWER, target, connections=1, seconds=0.1)
    assert outcome.requests == 0
    assert any(name.startswith("no connection") for name in outcome.errors)


def test_the_text_of_an_answer_is_read_from_either_form() -> None:
    """A completion and a stream of the mock say the same."""
    body = mock._COMPLETION.partition(b"\r\n\r\n")[2]
    events = b"".join(chunk.partition(b"\r\n")[2][:-2] for chunk in mock._CHUNKS)
    assert read_text(body, is_stream=False) == read_text(events, is_stream=True) == mock.TEXT
    assert 600 <= len(body) <= 900


def test_requests_have_the_sizes_that_are_promised() -> None:
    """The common body is about 0.8 kB, the long one 107 kB, and the model's name carries the target's prefix."""
    assert 700 <= len(ANSWER.body("")) <= 900
    assert 106_000 <= len(LONG.body("")) <= 109_000
    assert '"model":"bench/mock-paced"' in PACED.body("bench/")


def test_cpu_is_measured_per_tree_and_the_rest_is_foreign() -> None:
    """A meter sees this process's own work and never a negative share of others."""
    meter = Meter({"gone": 2**22 + 1})
    meter.start()
    sum(range(300_000))
    meter.stop()
    assert meter.used_s == {"gone": 0.0}
    assert meter.own_s > 0
    assert 0 <= meter.foreign_share <= 1


def _row(number: int, target: str, *, p50: float, requests: int, foreign: float = 0.0) -> dict[str, Any]:
    return {
        "round": number,
        "case": "answer c=1",
        "target": target,
        "requests": requests,
        "seconds": 1.0,
        "frames": 0,
        "errors": {},
        "total_ms": {"p50": p50, "p99": 2 * p50, "max": 3 * p50},
        "cpu_us": {"target": 100.0 * requests},
        "foreign_share": foreign,
    }


def test_differences_and_ratios_are_taken_within_a_round() -> None:
    """A round in which everything is slow does not change what a target adds."""
    rows = [
        _row(1, "direct", p50=1.0, requests=1000),
        _row(1, "batuta", p50=1.5, requests=500),
        _row(2, "direct", p50=9.0, requests=100, foreign=0.5),
        _row(2, "batuta", p50=9.5, requests=50, foreign=0.5),
    ]
    report = Report(rows, ["answer c=1"], ["direct", "batuta"], {"batuta": 2**20}, {"batuta": 2**21}, {"batuta": 2**22})
    assert report.added("answer c=1", "batuta", TOTAL) == pytest.approx(0.5)
    assert report.ratio("answer c=1", "batuta", RATE, "direct") == pytest.approx(0.5)
    assert report.ratio("answer c=1", "batuta", RATE, "nginx") is None
    text = report.text()
    assert "~" in text  # a tail beside busy neighbours
    assert "0.500" in text
    assert not any(
        goal.falls_short("release") for goal in report.goals() if goal.measured is not None and "p50" in goal.figure
    )


@pytest.mark.parametrize(
    ("measured", "is_floor", "verdict"),
    [
        (3.0, False, "<= 4.00 reached"),
        (5.0, False, "<= 4.00 FALLS SHORT"),
        (5.0, True, ">= 4.00 reached"),
        (3.0, True, ">= 4.00 FALLS SHORT"),
        (None, True, ">= 4.00"),
        (float("nan"), False, "<= 4.00"),
    ],
)
def test_a_goal_says_whether_it_is_reached(*, measured: float | None, is_floor: bool, verdict: str) -> None:
    """A figure that was not measured is neither reached nor missed."""
    goal = Goal("x", measured, {"now": 4.0}, is_floor=is_floor)
    assert goal.verdict("now") == verdict
    assert goal.falls_short("now") == verdict.endswith("FALLS SHORT")


def test_medians_and_percentiles() -> None:
    """Nearest rank for tails, the middle for medians, nan for nothing."""
    values = [float(n) for n in range(101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50, 99, 100)
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.5
    assert median([]) != median([])


def test_a_table_is_aligned_markdown() -> None:
    """Every line of a table has the same width."""
    lines = table("t", ["name", "x"], [["a", "1.0"], ["longer", "10.0"]]).splitlines()[3:]
    assert len({len(line) for line in lines}) == 1
    assert lines[0] == "| name   |    x |"


def test_a_peer_is_read_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key comes from the environment, never from the command line; only this machine is measured."""
    monkeypatch.setenv("PEER_KEY", "sk-test-not-a-key")
    peer = parse_peer("litellm=http://127.0.0.1:9301/v1,pid=12,prefix=x/,key_env=PEER_KEY")
    assert (peer.name, peer.port, peer.pid, peer.prefix, peer.base) == ("litellm", 9301, 12, "x/", "/v1")
    assert peer.headers == {"authorization": "Bearer sk-test-not-a-key"}
    for wrong in (
        "litellm",
        "a=http://example.com:80/v1",
        "a=http://127.0.0.1:1/v1,colour=red",
        "a=http://127.0.0.1/v1",
    ):
        with pytest.raises(ValueError, match="peer"):
            parse_peer(wrong)


def test_decisions_are_taken_with_a_full_queue() -> None:
    """Each decision that is timed has at least as many waiting as was asked for, and of each kind there are some."""
    taken = decide(decisions=300, queued=100, seed=1)
    assert min(each.waited for each in taken) >= 100
    assert {"Wanted", "Released", "Loaded", "Unloaded"} <= {each.event for each in taken}


def test_imports_are_added_up_by_package() -> None:
    """Own times of a package's modules are summed, the dearest package first."""
    assert by_package([("a.b", 5, 5), ("c", 7, 7), ("a", 4, 20)]) == [("a", 2, 9), ("c", 1, 7)]


def test_two_benches_do_not_run_at_once(tmp_path: Path) -> None:
    """The second of two is told so, because both would measure each other; afterwards there is room again."""
    with the_only_one(tmp_path), pytest.raises(BlockingIOError), the_only_one(tmp_path):
        pytest.fail("two at once")
    with the_only_one(tmp_path):
        pass

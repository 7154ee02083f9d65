"""The watch over an answer's bytes: commit point, usage, errors inside, and how it ends."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.chat.types import Usage
from batuta.errors import BatutaError, StreamBroken, UpstreamFailed
from batuta.gateway.stream import MOST_HELD, StreamWatch, read_reply


def event(**body: object) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def delta(text: str, finish: str | None = None) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


USAGE = event(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9})
ERROR = event(error={"message": "slot lost", "type": "server_error", "code": 500})
DONE = b"data: [DONE]\n\n"
ANSWER = [delta("Hel"), delta("lo é"), delta("", "stop"), USAGE, DONE]


def watch_all(chunks: list[bytes]) -> tuple[StreamWatch, bytes]:
    """Feed all chunks, end, and return the watch and what was passed on."""
    watch = StreamWatch("m")
    passed = b"".join(watch.feed(chunk) for chunk in chunks)
    watch.end()
    return watch, passed


@given(st.data())
def test_any_split_of_an_answer_passes_the_same_bytes_and_finds_the_same_usage(data: st.DataObject) -> None:
    """The network may cut anywhere: bytes go through untouched and nothing is missed."""
    whole = b"".join(ANSWER)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    watch, passed = watch_all(chunks)
    assert passed == whole
    assert watch.usage == Usage(7, 2)
    assert watch.is_done


@given(st.data())
def test_any_split_of_an_error_in_the_middle_is_seen(data: st.DataObject) -> None:
    """An in-band error is passed on as it came, and remembered."""
    whole = delta("Hel") + delta("lo") + ERROR
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    watch, passed = watch_all([whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)])
    assert passed == whole
    assert isinstance(watch.error, StreamBroken)
    assert "slot lost" in watch.error.message


def test_nothing_is_passed_on_before_the_first_event_is_whole() -> None:
    """The commit point is the first good event, not the first byte."""
    watch = StreamWatch("m")
    first = delta("Hel")
    assert watch.feed(b": warming up\n\n") == b""
    assert watch.feed(first[:10]) == b""
    assert not watch.is_committed
    assert watch.feed(first[10:]) == b": warming up\n\n" + first
    assert watch.is_committed


ROLE = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}}])
NOTHING = [
    ROLE,
    event(choices=[{"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}], usage=None),
    event(choices=[{"index": 0, "delta": {"content": "", "tool_calls": []}, "logprobs": None}], obfuscation="x1"),
    event(choices=[{"index": 0, "delta": {}}]),
    event(choices=[{"index": 0, "text": "", "finish_reason": None}]),
    event(choices=[], prompt_filter_results=[{}]),
]
SOMETHING = [
    delta("a"),
    delta("", "stop"),
    event(choices=[{"index": 0, "delta": {"role": "assistant", "tool_calls": [{"index": 0, "id": "c"}]}}]),
    event(choices=[{"index": 0, "delta": {"reasoning_content": "hm"}}]),
    event(choices=[{"index": 0, "delta": {"refusal": "no"}}]),
    event(choices=[{"index": 0, "text": "a"}]),
    event(odd=1),
    b"data: odd\n\n",
    DONE,
]


@pytest.mark.parametrize("first", NOTHING)
@pytest.mark.parametrize("word", SOMETHING)
def test_a_role_is_no_word(first: bytes, word: bytes) -> None:
    """What says nothing waits for the first event that does, and goes out before it, byte for byte."""
    watch = StreamWatch("m")
    assert watch.feed(first) == b""
    assert not watch.is_committed
    assert watch.feed(word) == first + word
    assert watch.is_committed


@pytest.mark.parametrize("first", NOTHING)
def test_what_fails_before_the_first_word_is_raised_so_that_another_model_may_be_tried(first: bytes) -> None:
    """An error, or an end, after nothing but a role: nobody has heard anything."""
    with pytest.raises(BatutaError, match="slot lost"):
        StreamWatch("m").feed(first + ERROR)
    watch = StreamWatch("m")
    watch.feed(first)
    with pytest.raises(UpstreamFailed):
        watch.end()


def test_an_error_behind_the_first_word_is_in_band() -> None:
    """Also where one packet brings all three."""
    watch, passed = watch_all([ROLE + delta("a") + ERROR])
    assert passed == ROLE + delta("a") + ERROR
    assert watch.error is not None


def test_nothing_is_not_held_for_ever() -> None:
    """Whoever sends it without end is passed on."""
    watch = StreamWatch("m")
    passed = b"".join(watch.feed(ROLE) for _ in range(2000))
    assert watch.is_committed
    assert passed == ROLE * 2000
    assert MOST_HELD < 2000


def test_an_error_as_first_event_is_raised_so_that_another_model_may_be_tried() -> None:
    """200 with an error inside is an error, and nothing has been sent."""
    with pytest.raises(BatutaError, match="slot lost"):
        StreamWatch("m").feed(ERROR)


def test_text_that_speaks_of_errors_and_usage_is_no_error_and_no_usage() -> None:
    """Only an event's own fields count, not the words of the answer."""
    said = delta('{"error": {"message": "x"}, "usage": [DONE]}')
    watch, passed = watch_all([delta("a"), said, delta("", "stop"), DONE])
    assert said in passed
    assert watch.error is None
    assert watch.usage is None


def test_a_stream_that_ends_without_a_word_is_broken() -> None:
    """Never a silent half answer."""
    watch = StreamWatch("m")
    watch.feed(delta("Hel"))
    with pytest.raises(StreamBroken):
        watch.end()


def test_a_finish_reason_is_an_end_even_without_an_end_marker() -> None:
    """Some servers never say [DONE]."""
    watch, _ = watch_all([delta("Hel"), delta("", "stop")])
    assert not watch.is_done


def test_an_empty_stream_is_a_failure_before_the_commit_point() -> None:
    """Another model may be tried."""
    with pytest.raises(UpstreamFailed):
        StreamWatch("m").end()


def test_a_whole_answer_gives_its_usage() -> None:
    """Token counts come from the backend."""
    body = orjson.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    assert read_reply(body, model="m") == Usage(3, 4)


@pytest.mark.parametrize("body", [b"", b"<html>hi</html>", b"[]", b"not json", b'{"error": {"message": "no"}}'])
def test_a_whole_answer_that_is_none_is_an_error(body: bytes) -> None:
    """200 does not make it an answer."""
    with pytest.raises(BatutaError):
        read_reply(body, model="m")


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 2}}, Usage(3, 4, 2)),
        ({"prompt_cache_hit_tokens": 2}, Usage(3, 4, 2)),
        ({"completion_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 7}, Usage(3, 4, 0, 1)),
        ({"completion_tokens_details": {"reasoning_tokens": 9}, "total_tokens": 16}, Usage(3, 13, 0, 9)),
        ({"prompt_tokens_details": [], "completion_tokens_details": "none", "total_tokens": {}}, Usage(3, 4)),
        ({"prompt_tokens_details": {"cached_tokens": None}, "prompt_cache_hit_tokens": -1}, Usage(3, 4)),
    ],
)
def test_what_is_cached_and_what_is_reasoning_is_told_in_several_ways(said: dict[str, object], usage: Usage) -> None:
    """As OpenAI, DeepSeek and xAI say it; details that make no sense cost nobody the answer."""
    body = orjson.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, **said}})
    assert read_reply(body, model="m") == usage


def test_a_mark_that_is_cut_in_two_is_seen_and_usage_said_once_stays() -> None:
    """Wherever the network cuts; an event with no count takes no count away."""
    for cut in range(1, 60):
        watch = StreamWatch("m")
        watch.feed(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
        event = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
        for chunk in (event[:cut], event[cut:], b'data: {"choices":[],"usage":null}\n\n', b"data: [DONE]\n\n"):
            assert watch.feed(chunk) == chunk
        watch.end()
        assert watch.usage is not None, f"cut at {cut}"
        assert (watch.usage.prompt_tokens, watch.usage.completion_tokens) == (3, 4)

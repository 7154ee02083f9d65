"""What goes out to each API of the family, and what its answers become: files to be read by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from batuta.catalog.external import TABLE, External
from batuta.catalog.model_flags import known_flags
from batuta.chat.dialects import openai
from batuta.chat.sse import SSEParser
from batuta.chat.types import Delta
from batuta.engines.openai_family import body
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.mending import Mender
from batuta.engines.openai_family.quirks import Quirks, read_quirks
from batuta.engines.openai_family.readers import Mended, Watched
from batuta.engines.openai_family.replies import Reader, Teller

FILES = Path(__file__).parents[2] / "golden" / "openai_family"
FAMILY = [api for api in TABLE if api.dialect == "openai"]
GIVEN = orjson.loads((FILES / "given.json").read_bytes())

each_api = pytest.mark.parametrize("api", FAMILY, ids=[api.id for api in FAMILY])


def golden(api: External) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads((FILES / f"{api.id}.json").read_bytes())
    return read


def quirks_of(api: External) -> Quirks:
    return read_quirks(api.quirks, where=api.id)


def reader_of(api: External) -> Reader:
    quirks, teller = quirks_of(api), Teller(api.id, "m", "", signs_of(api.id))
    if not quirks.mend:
        return Watched(teller, is_quiet=False)
    return Mended(Mender("m"), teller, is_quiet=False, is_noticing=quirks.notices)


def undated(value: Any) -> Any:
    """Return an answer without the time at which Batuta made it, where the API names none."""
    return {**value, "created": 0} if isinstance(value, dict) and value["created"] > 1 else value


def told(events: bytes) -> list[Any]:
    parser = SSEParser()
    data = [event.data for event in [*parser.feed(events), *parser.close()]]
    return [undated(orjson.loads(each)) if each != b"[DONE]" else "[DONE]" for each in data]


@each_api
def test_the_same_conversation_goes_out_in_each_api_s_own_form(api: External) -> None:
    """Names, ranges, roles, messages, ids: what the API documents is there and what it refuses is not."""
    quirks = quirks_of(api)
    fields = body.read_fields(orjson.dumps(GIVEN))
    out = body.fields_for(body.CHAT, fields, quirks, known_flags().of(api.id, "m"))
    if not quirks.ask_for_usage:
        out.pop("stream_options", None)
    assert orjson.loads(body.write_fields(out)) == golden(api)["request"]


@each_api
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_each_api_s_stream_is_told_in_openai_s_words(api: External, size: int) -> None:
    """However it is cut; and the deltas of it have words, an end and usage."""
    stream = golden(api)["stream"]
    given = "\n".join(stream["given"]).encode() + b"\n\n"
    reader = reader_of(api)
    out = b"".join(reader.feed(given[at : at + size]) for at in range(0, len(given), size)) + reader.close()
    assert reader.error is None
    events = told(out)
    assert events == stream["told"]
    deltas = [delta for event in events if isinstance(delta := openai.decode_event(orjson.dumps(event)), Delta)]
    assert any(delta.text or delta.tool_calls for delta in deltas)
    assert [delta.finish for delta in deltas if delta.finish]
    assert [delta.usage for delta in deltas if delta.usage]


@each_api
def test_each_api_s_whole_answer_is_told_in_openai_s_words(api: External) -> None:
    """What is missing is there, what has another name has OpenAI's, and nothing is lost."""
    if (whole := golden(api).get("whole")) is None:
        return
    mended = Mender("m").whole(whole["given"]) if quirks_of(api).mend else whole["given"]
    assert undated(mended) == whole["told"]

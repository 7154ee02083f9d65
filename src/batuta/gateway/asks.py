"""What is in a request that not every model can take: tools, images, reasoning, length. Pure; a look, not a parse.

It is only looked for when another model than the named one comes into question.
"""

from __future__ import annotations

import re

import msgspec

from batuta.catalog.entities import Capability
from batuta.gateway.call import Call
from batuta.routing.wishes import NO_ASKS, Asks

BYTES_A_TOKEN = 5  # prose has 4 to 4.5, code fewer: the guess is low, so that nobody is passed over for nothing
_ABSENT = msgspec.Raw(b"")
_NOTHING = frozenset({b"", b"null", b"[]", b"{}"})
_IMAGES = (b'"image_url"', b'"input_image"', b'"image"')
_PACKED = re.compile(rb"base64,[A-Za-z0-9+/=_-]+")  # bytes of a picture, which are no words


class _Fields(msgspec.Struct):
    messages: msgspec.Raw = _ABSENT
    prompt: msgspec.Raw = _ABSENT
    tools: msgspec.Raw = _ABSENT
    functions: msgspec.Raw = _ABSENT
    reasoning_effort: str | None = None
    reasoning: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Fields).decode


def asks_of(call: Call) -> Asks:
    """Return what the request has in it; nothing for one that cannot be read: whoever answers will say so."""
    try:
        fields = _decode(call.body)
    except msgspec.MsgspecError:
        return NO_ASKS
    words = bytes(fields.messages) or bytes(fields.prompt)
    able: set[Capability] = set()
    if bytes(fields.tools) not in _NOTHING or bytes(fields.functions) not in _NOTHING:
        able.add(Capability.TOOLS)
    if any(mark in words for mark in _IMAGES):
        able.add(Capability.VISION)
        words = _PACKED.sub(b"", words)
    if fields.reasoning_effort not in {None, "none", "minimal"} or bytes(fields.reasoning) not in _NOTHING:
        able.add(Capability.REASONING)
    return Asks(frozenset(able), len(words) // BYTES_A_TOKEN)

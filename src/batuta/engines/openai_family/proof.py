"""Whether a key is good, by the cheapest request its provider has for that. The reading is pure; one function asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from batuta.catalog.external import External, KeyCheck
from batuta.engines import faults
from batuta.engines.faults import Seen, fault
from batuta.engines.openai_compat import JSON_HEADERS, place_of
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.mending import error_in
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import BatutaError
from batuta.vault.secret import Secret

CHECK_S: Final = 10.0  # a person waits for it
_MISSING: Final = object()


async def prove(transport: Transport, base_url: str, key: Secret | None, api: External | None) -> None:
    """Ask whether the key is good. Returns when it is.

    Args:
        transport: how to get there.
        base_url: the API's root.
        key: the key.
        api: what is known of the API; None: its list of models has to do.

    Raises:
        KeyInvalid: refused, blocked or switched off there.
        OutOfCredit: the key is good and there is no money.
        ProviderError: nobody could be asked.
        UpstreamRejected: the API does not have what was asked for.
    """
    check = api.check if api else KeyCheck()
    url = api.url_of(base_url, check.path, origin=check.origin) if api else f"{base_url}/{check.path}"
    key_header = check.key_header or (api.key_header if api else "")
    body = orjson.dumps(check.body) if check.body else b"" if check.method == "POST" else None
    deadline = asyncio.get_running_loop().time() + CHECK_S
    request = UpstreamRequest(
        check.method, url, JSON_HEADERS if body else {}, body, deadline, CHECK_S, key, key_header=key_header
    )
    reply = await transport.send(request)
    where, hide, signs = place_of(url), key.reveal() if key else "", signs_of(api.id if api else "")
    if reply.status != 200:
        headers, said = reply.headers, await error_text(reply)
        raise faults.classify(reply.status, said, headers=headers, where=where, hide=hide, signs=signs)
    said = await reply.read()
    if (error := faults.in_answer(said, where=where, hide=hide, signs=signs)) is not None:
        raise error
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError:
        raise fault(Seen.NO_ANSWER, where=where) from None
    if isinstance(answer, dict) and (in_band := error_in(answer)) is not None:
        raise faults.from_answer(in_band, where=where, hide=hide, signs=signs)
    if (found := verdict(answer, check, where=where)) is not None:
        raise found


def verdict(answer: Any, check: KeyCheck, *, where: str) -> BatutaError | None:
    """Return what an answer says against the key; None: nothing.

    1. What has to be true is not.
    2. What must not be true is.
    3. There is no money.
    """
    for path in check.yes:  # 1
        if field_of(answer, path) is not True:
            return fault(Seen.KEY_REFUSED, where=where, said=f"{path} is not true")
    for path in check.no:  # 2
        if field_of(answer, path) is True:
            return fault(Seen.KEY_REFUSED, where=where, said=path.replace("_", " "))
    credit = field_of(answer, check.credit) if check.credit else None
    if isinstance(credit, bool | int | float) and credit <= 0:  # 3; False is 0
        return fault(Seen.OUT_OF_CREDIT, where=where)
    return None


def field_of(answer: Any, path: str) -> Any:
    """Return the field at a path with dots; None where it is not there."""
    value = answer
    for name in path.split("."):
        value = value.get(name, _MISSING) if isinstance(value, Mapping) else _MISSING
    return None if value is _MISSING else value

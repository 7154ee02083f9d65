"""`GET /manage/usage`: what was used and what it cost, by day, provider, model and key; as JSON or CSV."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from batuta.catalog.usage_store import UsageRow
from batuta.errors import BadRequest
from batuta.usage.days import Days, days_before
from batuta.usage.report import GROUPS, Report, report

USUAL_DAYS: Final = 30
MOST_DAYS: Final = 3660
FIRST_DAY: Final = date(2020, 1, 1)


class Used(Protocol):
    """Where the sums are (`usage.recorder.Recorder` has this form)."""

    @property
    def days(self) -> Days: ...
    @property
    def today(self) -> str: ...

    async def rows(self, first: str) -> list[UsageRow]:
        """Return everything from a day on. Raises NotSaved."""
        ...


class UsageFigures(BaseModel):
    """What was used. Tokens as the backends reported them; seconds; US dollars."""

    requests: int
    failed: int
    fallbacks: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost_usd: float
    unpriced: int
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    tokens_per_s: float | None
    loads: int
    load_s: float | None
    swaps: int


class UsageRowView(UsageFigures):
    """The figures of one group; of the four names those that were asked for."""

    day: str | None = None
    provider: str | None = None
    model: str | None = None
    key: str | None = None


class UsageView(BaseModel):
    """The answer: the days it is about, the groups, and all of them together."""

    first: str
    last: str
    time_zone: str
    by: list[str]
    rows: list[UsageRowView]
    total: UsageFigures


def router(used: Used) -> APIRouter:
    """Build the route."""
    routes = APIRouter(prefix="/manage")

    async def usage(
        first: Annotated[str | None, Query(alias="from", description="first day, like 2026-11-01")] = None,
        last: Annotated[str | None, Query(alias="to", description="last day, included; none: today")] = None,
        by: Annotated[str, Query(description="day, provider, model, key, or several of them with commas")] = "day",
        form: Annotated[str, Query(alias="format", description="json or csv")] = "json",
    ) -> Any:
        """What was used in some days, the last 30 if none are named, and what it cost where that is known.

        A model of this machine costs nothing. `unpriced` counts answers whose cost nobody knows.
        """
        if form not in {"json", "csv"}:
            raise BadRequest(f"`format` is {form[:20]!r}; it can be json or csv")
        found = await read(used, first=first, last=last, by=by)
        if form == "csv":
            name = f"batuta-usage-{found.first}-{found.last}.csv"
            return Response(
                found.csv(), media_type="text/csv", headers={"content-disposition": f'attachment; filename="{name}"'}
            )
        return {
            "first": found.first,
            "last": found.last,
            "time_zone": used.days.name,
            "by": list(found.by),
            "rows": found.rows,
            "total": found.total,
        }

    routes.add_api_route(
        "/usage",
        usage,
        methods=["GET"],
        summary="What was used, and what it cost",
        tags=["usage"],
        response_model=UsageView,
        response_model_exclude_unset=True,
        responses={200: {"content": {"text/csv": {}}}},
    )
    return routes


async def read(used: Used, *, first: str | None, last: str | None, by: str) -> Report:
    """Return the report a query asks for. Raises BadRequest for days or groups that there are not."""
    final = _day(last, "to") if last else used.today
    start = _day(first, "from") if first else days_before(final, USUAL_DAYS - 1)
    if start > final:
        raise BadRequest(f"`from` ({start}) is after `to` ({final})")
    if days_before(final, MOST_DAYS) > start:
        raise BadRequest(f"{start} to {final} is more than {MOST_DAYS} days")
    words = tuple(dict.fromkeys(word.strip() for word in by.split(",") if word.strip()))
    if unknown := [word for word in words if word not in GROUPS]:
        raise BadRequest(f"`by` has {unknown[0][:20]!r}; it can have {', '.join(GROUPS)}")
    return report(await used.rows(start), by=words, first=start, last=final)


def _day(text: str, name: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"`{name}` is {text[:20]!r}; write a day like 2026-11-21") from None
    if day < FIRST_DAY:
        raise BadRequest(f"`{name}` is {text[:20]!r}; nothing was counted before {FIRST_DAY}")
    return day.isoformat()

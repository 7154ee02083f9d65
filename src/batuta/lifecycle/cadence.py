"""How often an engine is asked what it holds. Pure: a decision over a few facts."""

from __future__ import annotations

WATCHED_S = 0.8  # a change is on the page within a second
AWAY_S = 2.0  # one that does not answer is seen to be back soon enough
CALM_S = 5.0  # nobody looks, and something may still happen
IDLE_S = 15.0  # nobody looks, and nothing happens
CALM_LOOKS = 12  # looks without news, a minute of them, after which an engine counts as idle
COALESCE_S = 0.1  # notices closer than this are one


def interval(*, is_watched: bool, is_busy: bool, hears: bool, is_away: bool, quiet_looks: int) -> float:
    """Return the seconds between two looks at an engine.

    1. Somebody looks, or it works for us: often. One that tells of changes by itself is asked only to make sure; one
       that does not answer now and then.
    2. Otherwise seldom, and more seldom when nothing has changed for a while.

    Args:
        is_watched: a page or a script follows what happens.
        is_busy: one of its models is leased, loading or leaving.
        hears: it tells of changes by itself.
        is_away: it did not answer the last time.
        quiet_looks: looks since it last held something else than before.
    """
    if is_watched or is_busy:  # 1
        return CALM_S if hears and not is_away else AWAY_S if is_away else WATCHED_S
    return CALM_S if quiet_looks < CALM_LOOKS else IDLE_S  # 2

"""What real loads showed corrects the estimate: more at once, less only when a GPU has shown it again and again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.entities import MemoryNeed, Tier
from batuta.catalog.records import ENOUGH_PEAKS, Learned

GB = 10**9
ESTIMATE = MemoryNeed(weights=8 * GB, kv_per_token=100_000, overhead=GB)
CONTEXT, SLOTS = 10_000, 4
TOTAL = 10 * GB


def seen(*peaks: int, most: int = 0, slots: int = SLOTS) -> Learned:
    learned = Learned().having(CONTEXT, slots, most=most)
    for peak in peaks:
        learned = learned.having(CONTEXT, slots, peak=peak)
    return learned


def need(learned: Learned, *, context: int = CONTEXT, slots: int = SLOTS) -> int:
    return learned.corrected(ESTIMATE, context=context, slots=slots).total(context)


def test_the_estimate_stands_until_something_else_is_seen() -> None:
    """Nothing learned changes nothing."""
    assert need(Learned()) == ESTIMATE.total(CONTEXT) == TOTAL


def test_more_than_estimated_counts_at_once() -> None:
    """One load is enough: the next one would be out of memory."""
    assert need(seen(most=11 * GB)) == 11 * GB


def test_less_in_one_load_says_nothing() -> None:
    """The cache is not filled yet: it will be."""
    assert need(seen(most=9 * GB)) == TOTAL


def test_less_in_three_stays_on_a_gpu_is_believed_with_a_margin() -> None:
    """On a GPU the cache is taken at once; the longest prompt of three stays says the rest."""
    peaks = [9 * GB, 9 * GB + GB // 5, 9 * GB]
    assert need(seen(*peaks[:2])) == TOTAL
    assert need(seen(*peaks)) == int(9.2 * GB * 1.05)


def test_never_less_than_the_weights() -> None:
    """Part of a model may lie beside the card: it has to have room somewhere."""
    assert need(seen(5 * GB, 5 * GB, 5 * GB)) == 8 * GB


def test_never_less_than_the_largest_that_was_seen() -> None:
    """A stay of long ago counts, too."""
    assert need(seen(8 * GB, 8 * GB, 8 * GB, most=9 * GB)) == 9 * GB


def test_another_context_or_other_slots_are_another_model() -> None:
    """What was seen of one says nothing of the other, and a new sight puts the old one away."""
    learned = seen(most=12 * GB)
    assert need(learned, slots=1) == TOTAL
    assert need(learned, context=5_000) == ESTIMATE.total(5_000)
    anew = learned.having(CONTEXT, 1, most=11 * GB)
    assert (need(anew, slots=1), need(anew)) == (11 * GB, TOTAL)


def test_seconds_are_kept_by_where_the_bytes_were() -> None:
    """The last loads, and the smoothed seconds of each place; a load that tells nothing changes nothing."""
    learned = Learned().after(seconds=2.0, load_s={Tier.DISK: 2.0})
    learned = learned.after(seconds=0.5, load_s={Tier.DISK: 2.0, Tier.CACHED: 0.5})
    assert learned.after() == learned
    assert (learned.load_seconds, learned.typical_load_s) == ((2.0, 0.5), 1.25)
    assert learned.load_s == {Tier.DISK: 2.0, Tier.CACHED: 0.5}


@given(st.lists(st.integers(1, 20 * GB), max_size=6), st.integers(0, 20 * GB))
def test_the_need_is_bounded_by_what_was_seen(peaks: list[int], most: int) -> None:
    """Never below the weights or the largest sight; below the estimate only after enough stays on a GPU."""
    wanted = need(seen(*peaks, most=most))
    assert wanted >= max(ESTIMATE.weights, most, *peaks, 0)
    if len(peaks) < ENOUGH_PEAKS:
        assert wanted >= TOTAL

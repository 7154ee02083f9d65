"""The least load seconds that any eviction could have reached, knowing the whole future. Knows nothing of policies.

The order of requests is kept and answers take no time, so that nothing but the choice of victims counts. Exact: dynamic
programming over the sets of models that fit. Of two sets that are reached at the same cost the larger one is never the
worse one, so nobody leaves who need not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_MODELS = 10  # 2^10 sets at most


def least_load_s(
    requests: Sequence[str], sizes: Mapping[str, float], load_s: Mapping[str, float], *, budget: float
) -> float:
    """Return the least seconds of loads for these requests, in this order, beginning with an empty device.

    Args:
        requests: the wanted models, in order.
        sizes: model -> GB.
        load_s: model -> seconds of a load.
        budget: GB of the device.

    Raises:
        ValueError: there are more models than can be enumerated, or one is larger than the device.
    """
    names = sorted(set(requests))
    if len(names) > MOST_MODELS:
        raise ValueError(f"{len(names)} models: the optimum is worked out for at most {MOST_MODELS}")
    if too_large := [name for name in names if sizes[name] > budget]:
        raise ValueError(f"larger than the budget of {budget} GB: {', '.join(too_large)}")
    bits = {name: 1 << place for place, name in enumerate(names)}
    masks = range(1 << len(names))
    weights = [sum(sizes[name] for name in names if mask & bits[name]) for mask in masks]
    reload_s = [sum(load_s[name] for name in names if mask & bits[name]) for mask in masks]
    successors: dict[tuple[int, int], list[int]] = {}
    costs = {0: 0.0}
    for name in requests:
        bit, seconds = bits[name], load_s[name]
        after: dict[int, float] = {}
        for mask, cost in costs.items():
            if mask & bit:
                after[mask] = min(cost, after.get(mask, cost))
                continue
            if (mask, bit) not in successors:
                successors[mask, bit] = _room_for(mask, bit, weights, budget)
            for successor in successors[mask, bit]:
                after[successor] = min(cost + seconds, after.get(successor, cost + seconds))
        # Whoever stands at the cheapest set can load what another set has more: a set that is dearer than that is lost.
        cheapest = min(after, key=after.__getitem__)
        least = after[cheapest]
        costs = {
            mask: cost for mask, cost in after.items() if mask == cheapest or cost < least + reload_s[mask & ~cheapest]
        }
    return min(costs.values())


def _room_for(mask: int, bit: int, weights: Sequence[float], budget: float) -> list[int]:
    """Return the sets that can follow when a model comes: it, and as many of those who were there as fit."""
    fitting: list[int] = []
    part = mask
    while True:  # every subset of the mask, the largest numbers first
        if weights[part | bit] <= budget:
            fitting.append(part | bit)
        if part == 0:
            break
        part = (part - 1) & mask
    return [each for each in fitting if not any(each != other and each & other == each for other in fitting)]

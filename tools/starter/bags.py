"""What words have to do with topics, learned before any sentence is: a question as a bag of its tokens.

Some hundred times cheaper than a step of the decoder, and it leaves vectors in which words that mean the same lie
together. The decoder, which starts from them, need only learn what becomes of their order.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from tools.starter.batches import Batches
from tools.starter.model import Table

STEPS, SIZE = 1200, 384  # questions a step
PEAK = 4e-3
WITHOUT = 0.2  # of what tokens share and are themselves is left out, so that no word is relied on
SPREAD = 0.06  # of the numbers in the vectors afterwards; larger ones would be certain of the next token at the start


def acquaint(table: Table, batches: Batches, *, topics: int, seed: int) -> float:
    """Train the vectors of the tokens; return the share of the last questions whose topic was found."""
    torch.manual_seed(seed)
    judge = nn.Linear(table.own.shape[1], topics)
    optimizer = torch.optim.AdamW([*table.parameters(), *judge.parameters()], lr=PEAK, weight_decay=1e-3, fused=True)
    found = 0.0
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = PEAK * min((step + 1) / 50, max((STEPS - step) / STEPS, 0.02))
        tokens, begins, about = map(torch.from_numpy, batches.questions(step, SIZE))
        bags = functional.embedding_bag(tokens, table(without=WITHOUT), begins, mode="mean")
        named = judge(functional.dropout(functional.layer_norm(bags, bags.shape[1:]), 0.1))
        loss = functional.cross_entropy(named, about, label_smoothing=0.1)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        found += (float((named.argmax(1) == about).float().mean()) - found) / min(step + 1, 50)
    with torch.no_grad():
        share = SPREAD / float(table().std())
        for parameter in table.parameters():
            parameter.mul_(share)
    return found

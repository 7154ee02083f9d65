"""A thousand worlds of a thousand requests in which everything goes wrong: no promise of the lifecycle breaks."""

from __future__ import annotations

import os
import subprocess
import sys

WORLDS = int(os.environ.get("BATUTA_FAULT_WORLDS", "1000"))
REQUESTS = 1000
SHARDS = 2


def test_no_promise_breaks_in_a_million_requests() -> None:
    """Budget, leases, one answer for each request, whatever engines, memory, callers and people do."""
    each = WORLDS // SHARDS
    command = [sys.executable, "-m", "batuta.testing.simulate", "faults", f"--seeds={each}", f"--requests={REQUESTS}"]
    shards = [
        subprocess.Popen(
            [*command, f"--seed={shard * each}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for shard in range(SHARDS)
    ]
    outputs = [shard.communicate()[0] for shard in shards]
    assert [shard.returncode for shard in shards] == [0] * SHARDS, "\n".join(outputs)

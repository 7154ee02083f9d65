"""Ten thousand lives of the lifecycle, up to fifty events each: two processes, each from a seed of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUNS = int(os.environ.get("BATUTA_LIFECYCLE_RUNS", "10000"))
SEEDS = (1, 2)
ROOT = Path(__file__).parents[2]
WORLD = "tests/unit/lifecycle/test_properties.py"


def test_no_invariant_breaks_in_ten_thousand_runs() -> None:
    """Budget, leases, single answers, no eviction of a leased model, and everybody who waits is answered."""
    environment = os.environ | {"BATUTA_LIFECYCLE_RUNS": str(RUNS // len(SEEDS))}
    shards = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", WORLD],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed in SEEDS
    ]
    outputs = [shard.communicate()[0] for shard in shards]
    assert [shard.returncode for shard in shards] == [0] * len(SEEDS), "\n".join(outputs)

"""Ten thousand lives of the lifecycle, up to fifty events each, in two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.lifecycle.test_properties import World

RUNS = int(os.environ.get("BATUTA_LIFECYCLE_RUNS", "10000"))
SHARDS = 2
ROOT = Path(__file__).parents[2]


def live(shard: int, runs: int) -> None:
    """Run one shard; its examples depend on its number alone."""
    world = type(f"World{shard}", (World,), {})
    run_state_machine_as_test(
        world,
        settings=settings(
            max_examples=runs,
            stateful_step_count=50,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_invariant_breaks_in_ten_thousand_runs() -> None:
    """Budget, leases, single answers, no eviction of a leased model, and everybody who waits is answered."""
    commands = [
        [sys.executable, "-c", f"from tests.sim.test_lifecycle_world import live; live({shard}, {RUNS // SHARDS})"]
        for shard in range(SHARDS)
    ]
    shards = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    outputs = [shard.communicate()[0] for shard in shards]
    assert [shard.returncode for shard in shards] == [0] * SHARDS, "\n".join(outputs)

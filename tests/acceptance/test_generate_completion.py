"""`batuta.generate_completion` in a script of somebody's own: no gateway, no set-up beyond the key."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from batuta.testing.fake_openai import FakeOpenAI
from batuta.vault.secret import Secret

pytestmark = pytest.mark.acceptance
KEY = "sk-test-not-a-key-script"
SCRIPT = """
from batuta import generate_completion
answer = generate_completion("fake", "fake-small", "one two three", system="Be brief.", temperature=0.0, max_tokens=5)
print(answer)
print(answer.usage.completion_tokens > 0, answer.finish)
"""


async def test_a_script_gets_its_answer(data_dir: Path) -> None:
    """The text on one line, and the facts beside it."""
    async with FakeOpenAI(key=Secret(KEY)) as api:
        config = data_dir / "config.toml"
        config.write_text(f'[[providers]]\nid = "fake"\nbase_url = "{api.url}"\nkey_env = "FAKE_API_KEY"\n')
        environ = os.environ | {
            "BATUTA_CONFIG": str(config),
            "BATUTA_DATA_DIR": str(data_dir / "data"),
            "FAKE_API_KEY": KEY,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", SCRIPT, env=environ, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    lines = out.decode().splitlines()
    assert process.returncode == 0
    assert lines[0]
    assert lines[1].startswith("True")
    assert not (data_dir / "data").exists()

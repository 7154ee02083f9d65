"""What `import batuta` promises."""

from __future__ import annotations

import subprocess
import sys

import pytest

import batuta


@pytest.mark.parametrize("name", batuta.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """The list does not lie."""
    assert getattr(batuta, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="nobody"):
        _ = batuta.nobody


def test_importing_batuta_imports_next_to_nothing() -> None:
    """No framework, no client, no engine: those cost half a second."""
    heavy = "fastapi,aiohttp,sqlalchemy,xllamacpp,pydantic,torch"
    script = f"import batuta, sys; print([m for m in '{heavy}'.split(',') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

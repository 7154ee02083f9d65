"""The tutorial's own reader: which steps a page holds, and when an answer has the shape that is shown."""

from __future__ import annotations

import pytest

from tools.tutorial import misfit, rewrite, shorten, steps_of

PAGE = """\
Text.

```console run
$ curl one \\
> --more
{"a": 1}
$ second
```

```console
$ make run
```

```python run
print("x")
```

```text
x
```
"""


def test_only_marked_blocks_are_steps() -> None:
    """Commands keep their continued lines; a block without the mark is left to the reader."""
    steps = steps_of(PAGE)
    assert [step.source for step in steps] == ["curl one \\\n--more", "second", 'print("x")\n']
    assert [step.answer for step in steps] == ['{"a": 1}\n', "", "x\n"]


def test_rewriting_with_the_same_answers_changes_nothing() -> None:
    """The page that --write makes is the page, but for the answers."""
    assert rewrite(PAGE, [step.answer for step in steps_of(PAGE)]) == PAGE
    assert '{"b": 2}' in rewrite(PAGE, ['{"b": 2}\n', "", "y\n"])


@pytest.mark.parametrize(
    ("shown", "got", "fits"),
    [
        ('{"a": 1, "b": null}', '{"a": 2.5, "b": "x", "c": []}', True),
        ('{"a": 1}', '{"b": 1}', False),
        ('{"a": [{"x": "y"}]}', '{"a": [{"x": 1}]}', False),
        ('data: {"id": "1"}\n...\ndata: [DONE]\n', 'data: {"id": "2"}\n\ndata: [DONE]\n', True),
        ('data: {"id": "1"}\n\ndata: [DONE]\n', 'data: {"id": "2"}\n\n', False),
        ("x-batuta-model: tiny", "x-batuta-model: other", True),
        ("x-batuta-model: tiny", "x-other: tiny", False),
        ("words", "other words", True),
        ("words", "", False),
    ],
)
def test_answers_are_compared_by_shape(shown: str, got: str, *, fits: bool) -> None:
    """Fields and types count, values do not."""
    assert (misfit(shown, got) is None) is fits


def test_the_middle_of_a_long_answer_is_left_out() -> None:
    """A stream is shown by its first lines and its end."""
    shown = shorten("\n\n".join(f"data: {number}" for number in range(40)))
    assert shown.splitlines()[0] == "data: 0"
    assert shown.splitlines()[-1] == "data: 39"
    assert "..." in shown

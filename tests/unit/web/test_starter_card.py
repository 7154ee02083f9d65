"""What the page and the API say of a bundled pair."""

from __future__ import annotations

from typing import Any

from batuta import starter
from batuta.catalog.entities import ModelSpec
from batuta.observe.events import DefaultChanged
from batuta.web import i18n
from batuta.web.fragments import is_only_starter, score_rows
from batuta.web.toasts import toast
from batuta.web.views import card_view

CARD = {"parameters": 4, "tokens": 9, "scores": [{"part": "unknown", "right": 9, "asked": 10}]}


def _view(name: str, card: Any) -> dict[str, Any]:
    return {"name": name, "card": card, "is_present": True, "enabled": True}


def test_scores_are_told_in_the_reader_s_language() -> None:
    """The share, what was asked, and of how many."""
    (row,) = score_rows([_view("starter-brain", CARD)], i18n.language("pt_BR"))
    assert (row.model, row.part, row.share, row.count) == ("starter-brain", "admite o que não sabe", "90%", "9 de 10")


def test_the_pair_is_alone_until_anything_else_is_there() -> None:
    """An empty list is no pair, and any other model ends the demonstration."""
    assert is_only_starter([_view("a", CARD), _view("b", CARD)])
    assert not is_only_starter([_view("a", CARD), _view("mine", None)])
    assert not is_only_starter([])


def test_a_model_that_does_not_come_with_batuta_has_no_card() -> None:
    """Not even one of the same name."""
    assert card_view(ModelSpec("starter-brain", "local", "/models/starter-brain.gguf")) is None


def test_only_files_of_the_package_have_a_role_of_their_own() -> None:
    """A file of the same name elsewhere is a model as any other."""
    assert starter.role_of(str(starter.FOLDER / "starter-brain.gguf")) == "brain"
    assert starter.role_of("/models/starter-brain.gguf") is None


def test_a_new_default_is_told_but_not_the_first() -> None:
    """A person is told when the model that answers changes, not what it is at the start."""
    words = i18n.language("en")
    note = toast(DefaultChanged("brain", "mine", "starter-brain"), words, now=0.0)
    assert note is not None
    assert note.text == "mine answers by default now, instead of starter-brain."
    assert toast(DefaultChanged("brain", "mine", None), words, now=0.0) is None

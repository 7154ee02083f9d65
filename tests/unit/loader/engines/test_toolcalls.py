"""Calls are read out of text in every common form, however the text is cut, and nothing is invented."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.loader.engines.hf.toolcalls import FORMS, Call, Form, Piece, ToolReader, form_of

HERMES, MISTRAL2, MISTRAL, LLAMA, LLAMA_BARE, JSON = FORMS
NAMES = ("look", "go")
LOOK = Call("look", '{"where": "S\\u00e3o <|x|> }]"}')
GO = Call("go", "{}")
SAID = '{"name": "look", "arguments": {"where": "São <|x|> }]"}}'
WENT = '{"name": "go", "arguments": {}}'
WILD = ["<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", *'{}"\\[] ;', "go", WENT, "<|python_tag|>"]


def read(form: Form, *chunks: str, begun: str = "", is_forced: bool = False) -> list[Piece]:
    """Read an answer; neighbouring texts are joined, calls are compared by what they mean."""
    reader = ToolReader(form, NAMES, begun=begun, is_forced=is_forced)
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)] + reader.finish()
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece if isinstance(piece, str) else Call(piece.name, meaning(piece.arguments)))
    return joined


def meaning(arguments: str) -> str:
    return json.dumps(json.loads(arguments))


def called(*calls: Call) -> list[Piece]:
    return [Call(call.name, meaning(call.arguments)) for call in calls]


SPOKEN: dict[str, tuple[Form, str, list[Piece]]] = {
    "hermes": (
        HERMES,
        f"I look.\n<tool_call>\n{SAID}\n</tool_call>\n<tool_call>{WENT}</tool_call> Done",
        ["I look.\n", *called(LOOK, GO), " Done"],
    ),
    "hermes without its end": (HERMES, '\n\n<tool_call>{"name": "go", "arguments": {}}', called(GO)),
    "mistral": (
        MISTRAL,
        f"[TOOL_CALLS] [{SAID}, {WENT}]",
        called(LOOK, GO),
    ),
    "mistral since 2025": (
        MISTRAL2,
        '[TOOL_CALLS]look[ARGS]{"where": "São <|x|> }]"}[TOOL_CALLS]go[ARGS] {}',
        called(LOOK, GO),
    ),
    "llama": (
        LLAMA,
        ' {"name": "look", "parameters": {"where": "São <|x|> }]"}}; {"name": "go", "parameters": {}}',
        called(LOOK, GO),
    ),
    "llama with its mark": (LLAMA, 'So: <|python_tag|>{"name": "go", "parameters": {}}', ["So: ", *called(GO)]),
    "arguments as a text": (HERMES, '<tool_call>{"name": "go", "arguments": "{}"}</tool_call>', called(GO)),
    "a text between calls": (
        HERMES,
        f"<tool_call>{WENT}</tool_call>\nand < <tool\n<tool_call>{WENT}</tool_call>",
        [*called(GO), "\nand < <tool\n", *called(GO)],
    ),
}


@pytest.mark.parametrize("how", SPOKEN)
def test_calls_are_read_in_every_form(how: str) -> None:
    """Text before and after stays text; marks and the white space around calls are gone."""
    form, text, pieces = SPOKEN[how]
    assert read(form, text) == pieces


NOT_CALLS = [
    (HERMES, "<tool_call>{'name': 'go', 'arguments': {}}</tool_call>"),
    (HERMES, '<tool_call>{"name": "go"}</tool_call>'),
    (HERMES, '<tool_call>{"name": "go", "arguments": [1]}</tool_call>'),
    (HERMES, '<tool_call>{"name": "go", "arguments": {"x": NaN}}</tool_call>'),
    (HERMES, '<tool_call>{"name": "go", "arguments": {"x": '),
    (HERMES, "<tool_call>go()</tool_call> then"),
    (HERMES, "<tool_call>"),
    (HERMES, "a < b <tool"),
    (HERMES, '{"name": "go", "arguments": {}}'),
    (MISTRAL, '[TOOL_CALLS][{"name": "go", "arguments": {}}, {"name": 1}]'),
    (MISTRAL, "[TOOL_CALLS]"),
    (MISTRAL2, "[TOOL_CALLS]go"),
    (MISTRAL2, "[TOOL_CALLS]go there\nnow[ARGS]{}"),
    (MISTRAL2, "[TOOL_CALLS]go[ARGS]no"),
    (MISTRAL2, "[TOOL_CALLS]" + "x" * 200 + "[ARGS]{}"),
    (LLAMA, '{"name": "nobody", "parameters": {}}'),
    (LLAMA, 'Use {"name": "go", "parameters": {}}'),
    (LLAMA, '{"a": ' * 3),
    (LLAMA, "<|python_tag|>print(1)"),
    (JSON, '{"name": "go", "arguments": {}}'),
    (JSON, "  \n "),
    (HERMES, "<tool_call>" + "[" * 5000 + "]" * 5000),
]


@pytest.mark.parametrize(("form", "text"), NOT_CALLS)
def test_what_is_no_call_is_passed_on_as_it_is(form: Form, text: str) -> None:
    """Not JSON, no arguments, an unknown name in bare JSON, cut short: all of it is text, letter for letter."""
    assert read(form, text) == [text]


@given(st.sampled_from([*SPOKEN.values(), *((form, text, None) for form, text in NOT_CALLS[:-1])]), st.data())
def test_how_the_text_is_cut_changes_nothing(spoken: tuple[Form, str, list[Piece] | None], data: st.DataObject) -> None:
    """Tokens cut anywhere: the same calls, the same text, and no half of a mark in between."""
    form, text, _ = spoken
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    chunks = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(form, *chunks) == read(form, text) == read(form, *text)


@given(st.sampled_from(FORMS), st.lists(st.sampled_from(WILD), max_size=12))
def test_any_text_is_read_alike_in_one_piece_and_in_letters(form: Form, parts: list[str]) -> None:
    """Whatever a model says, however wild: nothing is raised, and the cuts change nothing."""
    text = "".join(parts)
    assert read(form, text) == read(form, *text)
    assert read(form, text, is_forced=True) == read(form, *text, is_forced=True)


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_begins_as_a_call_becomes_one(form: Form) -> None:
    """The prefix that forces a call, and what a model says after it, are a call of that function."""
    end = {True: " {}", False: " {}}"}[bool(form.names_before)] + ("]" if form.is_list else "") + form.close
    assert read(form, end, begun=form.prefix("go"), is_forced=True) == called(GO)


def test_a_forced_answer_that_fails_shows_all_it_said() -> None:
    """What was forced is part of the text when no call comes of it."""
    assert read(HERMES, "oops", begun=HERMES.prefix("go"), is_forced=True) == [HERMES.prefix("go") + "oops"]


def test_without_a_form_bare_json_counts_only_where_a_call_is_due() -> None:
    """A model that never learned a form may answer JSON to somebody; forced, it is a call."""
    text = '[{"name": "go", "arguments": {}}]'
    assert read(JSON, text) == [text]
    assert read(JSON, text, is_forced=True) == called(GO)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("... <tool_call>{{ x }}", "hermes"),
        ("[TOOL_CALLS]{{ n }}[ARGS]", "mistral2"),
        ("[TOOL_CALLS][", "mistral"),
        ('{"name": .., "parameters": ..}', "llama"),
        ("<|python_tag|>", "llama"),
        ("{{ messages }}", "untaught"),
        ("{{ tools }}", "json"),
        (None, "json"),
    ],
)
def test_the_template_says_which_form_a_model_learned(template: str | None, name: str) -> None:
    """The first form whose mark stands in the template."""
    assert form_of(template).name == name

"""Measures a starter model on held-out phrasings and values, through the engine that serves it, and prints the scores.

    python -m tools.starter.evaluate brain --gguf FILE --text FILE [--out scores.json] [--show 20]

Brain: on topic, admits what it does not know, plans, no empty or looping answer. Coder: the program of the answer is
run in a process with limits and an empty environment, and must print what the kind's own program prints.

Training text is made from phrasings with words exchanged at random, so a held-out question might be in it by chance:
with `--text`, those that are (whatever their case and last mark) are left out and counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tools.starter import grammar, plans
from tools.starter.brain import help_all, talk_all
from tools.starter.coder import numbers_all, repair, text_all
from tools.starter.coder.exchanges import ALONE, KINDS, fenced
from tools.starter.heldout import brain_help, brain_talk, brain_unknown, coder_a, coder_b
from tools.starter.heldout import plans as heldout_plans
from tools.starter.kinds import LANGUAGES, Kind, Topic
from tools.starter.running import code_of, printed

LONGEST = 400  # tokens; the longest right answer, a plan of two programs, has some 300
LOOP = 3  # times that the same eight words may not occur
HALVES = ("tune", "judge", "all")


@dataclass(frozen=True, slots=True)
class Question:
    """One held-out question. is_right: judges the answer."""

    part: str
    subject: str
    language: str
    text: str
    is_right: Callable[[str], bool]


@dataclass(slots=True)
class Score:
    """What came of the questions of one part."""

    right: int = 0
    asked: int = 0
    wrong: list[tuple[Question, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Right answers of all, 0..1."""
        return self.right / max(self.asked, 1)


def brain_questions(rng: Random) -> Iterator[Question]:
    """Yield every held-out question of starter-brain."""
    for topics, asks, part in (
        (help_all.TOPICS, brain_help.ASK, "help"),
        (talk_all.TOPICS, brain_talk.ASK, "identity and small talk"),
    ):
        for topic in topics:
            for language in LANGUAGES:
                for template in asks[topic.id][language]:
                    yield _on_topic(part, topic, language, template, rng)
    admission = talk_all.UNKNOWN[0]
    for language in LANGUAGES:
        for template in brain_unknown.ASK[language]:
            for _ in range(3 if grammar.slots(template) else 1):
                yield _on_topic("unknown", admission, language, template, rng)
    for number in range(60):
        yield _plan_question(LANGUAGES[number % 2], rng, tasks=1 + number % 3 // 2)


def half_of(question: Question) -> str:
    """Return the half that a question belongs to, always the same: one for choices, one that no choice has seen."""
    return HALVES[hashlib.sha256(question.text.encode()).digest()[0] % 2]


def _on_topic(part: str, topic: Topic, language: str, template: str, rng: Random) -> Question:
    text = grammar.expand(template, rng)
    fill = brain_unknown.FILL[language]
    values = {name: rng.choice(fill[name]) for name in sorted(grammar.slots(text)) if name in fill}
    facts = [_filled(fact, values) for fact in topic.facts[language]]
    asked = Topic(topic.id, {}, {}, {language: tuple(facts)})
    return Question(
        part, topic.id, language, grammar.fill(text, values), lambda answer: asked.is_answered_by(answer, language)
    )


def _filled(fact: str, values: dict[str, str]) -> str:
    # `{2}` in a regular expression is no slot.
    exactly = {name: re.escape(value) for name, value in values.items()}
    return grammar.fill(fact, exactly) if grammar.slots(fact) <= values.keys() else fact


def _plan_question(language: str, rng: Random, *, tasks: int) -> Question:
    wanted = []
    for _ in range(tasks):
        kind = rng.choice(KINDS)
        template = rng.choice(kind.ask[language])  # the task is one the coder knows; the plan's wording is held out
        wanted.append(kind.request(template, kind.sample(rng, held_out=True), language, rng).rstrip("?.! "))
    goal = rng.choice(plans.JOIN[language]).join(wanted)
    text = grammar.fill(grammar.expand(rng.choice(heldout_plans.ASK[language]), rng), {"task": goal})

    def is_right(answer: str) -> bool:
        try:
            plan: Any = json.loads(answer)
            steps = [step["instruction"] for step in plan["steps"] if step["kind"] == "code"]
        except (ValueError, KeyError, TypeError):
            return False
        return steps == wanted and {"goal", "steps", "checks", "risks"} <= plan.keys()

    return Question("plan", f"{tasks} programs", language, text, is_right)


def coder_questions(rng: Random) -> Iterator[Question]:
    """Yield every held-out request of starter-coder."""
    for kinds, asks in ((numbers_all.KINDS, coder_a.ASK), (text_all.KINDS, coder_b.ASK)):
        for kind in kinds:
            for language in LANGUAGES:
                for template in asks[kind.id][language]:
                    yield _program_question(kind, language, template, rng)
    for number in range(200):
        if (question := _repair_question(rng.choice(ALONE), LANGUAGES[number % 2], rng)) is not None:
            yield question


def _program_question(kind: Kind, language: str, template: str, rng: Random) -> Question:
    values = kind.sample(rng, held_out=True)
    return Question(
        "programs",
        kind.id,
        language,
        kind.request(template, values, language, rng),
        _prints_as(kind.program(values), kind),
    )


def _repair_question(kind: Kind, language: str, rng: Random) -> Question | None:
    made = repair.broken(kind.program(kind.sample(rng, held_out=True)), rng)
    if made is None:
        return None
    text = grammar.expand(rng.choice(repair.ASK[language]), rng)
    text = grammar.fill(text, {"program": fenced(made.program), "error": made.error})
    return Question("repairs", made.error.split(":")[0], language, text, _prints_as(made.mended, kind))


def _prints_as(program: str, kind: Kind) -> Callable[[str], bool]:
    def is_right(answer: str) -> bool:
        written = code_of(answer)
        if written is None:
            return False
        if written.strip() == program.strip():
            return True
        wanted = printed(program, kind.files)
        return wanted is not None and printed(written, kind.files) == wanted

    return is_right


def unseen(questions: Sequence[Question], text: Path) -> list[Question]:
    """Return the questions that nobody asks in the training text of `corpus.py`."""
    with text.open(encoding="utf-8") as file:
        asked = {_bare(turn[1]) for line in file for turn in json.loads(line) if turn[0] == "user"}
    return [question for question in questions if _bare(question.text) not in asked]


def _bare(text: str) -> str:
    return text.casefold().rstrip("?.! ")


def is_looping(answer: str) -> bool:
    """Say whether the same eight words come again and again."""
    words = answer.split()
    runs = Counter(tuple(words[i : i + 8]) for i in range(len(words) - 7))
    return any(times >= LOOP for times in runs.values())


class Model:
    """The model in llama.cpp, as the loader runs it, answering with the likeliest token each time."""

    def __init__(self, file: Path, *, threads: int = 2) -> None:
        import xllamacpp  # the engine is heavy, and other tools import this module's pure parts

        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx = 2048
        params.n_parallel = 1
        params.cache_ram_mib = 0
        params.cpuparams.n_threads = threads
        params.use_jinja = True
        params.ui = False
        self._server = xllamacpp.Server(params)

    def answer(self, turns: Sequence[tuple[str, str]]) -> tuple[str, str, int]:
        """Return the answer, why it ended (stop | length), and its tokens. turns: (role, content)."""
        said: list[Any] = []
        request = {
            "messages": [{"role": role, "content": content} for role, content in turns],
            "temperature": 0,
            "max_tokens": LONGEST,
            "stream": False,
        }

        def take(answer: Any) -> bool:
            said.append(answer)
            return False

        self._server.handle_chat_completions(json.dumps(request), take)
        whole = said[-1] if isinstance(said[-1], dict) else json.loads(said[-1])
        choice = whole["choices"][0]
        return choice["message"]["content"] or "", choice["finish_reason"], int(whole["usage"]["completion_tokens"])


def measure(model: Model, questions: Sequence[Question]) -> tuple[dict[str, Score], list[tuple[Question, str]], float]:
    """Ask everything; return the scores by part, the empty or looping answers, and tokens a second."""
    scores: dict[str, Score] = {}
    loops = []
    tokens, began = 0, time.monotonic()
    asking = 0.0
    for question in questions:
        began = time.monotonic()
        answer, finish, count = model.answer([("user", question.text)])
        asking += time.monotonic() - began
        tokens += count
        score = scores.setdefault(question.part, Score())
        score.asked += 1
        if question.is_right(answer):
            score.right += 1
        else:
            score.wrong.append((question, answer))
        if not answer.strip() or finish == "length" or is_looping(answer):
            loops.append((question, answer))
    return scores, loops, tokens / asking


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("brain", "coder"))
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--text", type=Path, help="the training text, whose questions are left out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=int, default=0, help="wrong answers to print, of each part")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--share", type=float, default=1.0, help="part of the questions, for a quick look")
    parser.add_argument("--part", choices=HALVES, default="all", help="tune: for choices; judge: for the last word")
    wanted = parser.parse_args()
    rng = Random(20_260_101)  # the same questions every time
    questions = list(brain_questions(rng) if wanted.model == "brain" else coder_questions(rng))
    every = len(questions)
    if wanted.text is not None:
        questions = unseen(questions, wanted.text)
    new = len(questions)
    if new < every:
        print(f"{every - new} of {every} questions are in the training text by chance and left out")
    if wanted.part != "all":
        questions = [question for question in questions if half_of(question) == wanted.part]
    if wanted.share < 1:
        questions = [question for question in questions if rng.random() < wanted.share]
    scores, loops, speed = measure(Model(wanted.gguf, threads=wanted.threads), questions)
    _print(scores, loops, speed, wanted.show)
    if wanted.out is not None:
        parts = {part: {"right": score.right, "asked": score.asked} for part, score in scores.items()}
        told = {
            "parts": parts,
            "looping": len(loops),
            "asked": len(questions),
            "left_out": every - new,
            "tokens_per_second": round(speed),
        }
        wanted.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _print(scores: dict[str, Score], loops: list[tuple[Question, str]], speed: float, show: int) -> None:
    for part, score in scores.items():
        print(f"{part:<26} {score.right:>5} of {score.asked:<5} {score.share:7.1%}")
    print(f"empty or looping answers   {len(loops):>5}      {speed:.0f} tokens/s")
    for score in scores.values():
        for question, answer in score.wrong[:show]:
            print(f"\n[{question.part} {question.subject} {question.language}] {question.text}\n  -> {answer}")
    for question, answer in loops[:show]:
        print(f"\n[loop {question.subject} {question.language}] {question.text}\n  -> {answer}")


if __name__ == "__main__":
    main()

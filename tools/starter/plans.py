"""Plans: a task that is a program, or two, as a short JSON plan of steps for the executor. Pure.

The instructions of the steps are requests as starter-coder has learned them, taken word by word from the task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

ASK: Mapping[str, tuple[str, ...]] = {
    "en": (
        "(Plan|Make a plan|Write a plan|Plan this)( please|): {task}",
        "(Make|Write|Give me|I need) a (JSON |short |)plan (for|for this task|to do this): {task}",
        "(Plan|Break) (this|the) task( down|)( into steps|): {task}",
        "/plan {task}",
        "{task}\n(Make|Write|Answer with) (a|the) plan( only| first|).",
        "(How would you plan this|What steps would you take)? {task}",
    ),
    "pt": (
        "(Planeje|Faça um plano|Escreva um plano|Planeje isto)( por favor|): {task}",
        "(Faça|Escreva|Me dê|Preciso de) um plano( JSON| curto|) (para|para esta tarefa|para fazer isto): {task}",
        "(Planeje|Divida) (esta|a) tarefa( em passos|): {task}",
        "/plan {task}",
        "{task}\n(Faça|Escreva|Responda com) (um|o) plano( apenas| primeiro|).",
        "(Como você planejaria isto|Que passos você daria)? {task}",
    ),
}
SYSTEM = (
    "You are the planner. Answer with a JSON plan only.",
    "Plan the task. Answer in JSON: goal, steps, checks, risks.",
    "Você é o planejador. Responda só com um plano em JSON.",
)
JOIN = {"en": (" and then ", ". Then ", "; after that, "), "pt": (" e depois ", ". Depois, ", "; em seguida, ")}
WORDS = {
    "en": {"run": "run the program", "prints": "it prints a result", "exits": "exit code 0"},
    "pt": {"run": "executar o programa", "prints": "ele imprime um resultado", "exits": "código de saída 0"},
}


def plan(tasks: Sequence[str], goal: str, language: str) -> str:
    """Return the plan of one program a task, each written and then run, as JSON in one line."""
    words = WORDS[language]
    steps: list[dict[str, Any]] = []
    for task in tasks:
        write, run = f"s{len(steps) + 1}", f"s{len(steps) + 2}"
        steps.append(_step(write, "code", [steps[-1]["id"]] if steps else [], task, [], words["prints"]))
        steps.append(_step(run, "run", [write], words["run"], [f"${write}"], words["exits"]))
    return json.dumps({"goal": goal, "steps": steps, "checks": [words["exits"]], "risks": []}, ensure_ascii=False)


def _step(  # the fields of a step, in their order
    name: str, kind: str, needs: list[str], instruction: str, inputs: list[str], done_when: str
) -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "needs": needs,
        "instruction": instruction,
        "inputs": inputs,
        "done_when": done_when,
    }

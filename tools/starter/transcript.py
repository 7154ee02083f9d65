"""Writes the tutorial's ten questions with the answers that the starter pair gives: docs/tutorial/ten-questions.md.

    python -m tools.starter.transcript

Run it after new models were put into the package; `tests/acceptance/test_starter.py` asks the same of a real Batuta.
"""

from __future__ import annotations

from pathlib import Path

from batuta import starter
from tools.starter.evaluate import Model

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "ten-questions.md"
ASKED = (
    ("brain", "Who are you?"),
    ("brain", "How do I load a model?"),
    ("brain", "Why was my model evicted?"),
    ("brain", "How do I connect a client?"),
    ("brain", "Who won the football match yesterday?"),
    ("executor", "Write a program that prints the average of 12, 7 and 20."),
    ("brain", "Quem é você?"),
    ("brain", "O que quer dizer fixado?"),
    ("brain", "Onde ficam os arquivos do Batuta?"),
    ("executor", 'Escreva um programa que conte as vogais de "batuta".'),
)
HEAD = """# Ten questions to the starter pair

Start Batuta on a machine with nothing else: no other engine, no key, no network.

```console
$ make run
```

The page opens, and the two small models that come with Batuta answer. Choose **brain** or **executor** above the
message box. There is memory for one of them only, so that you see them take turns in the memory bar. These are their
answers, word by word: they are small, and honest about it.

"""
TAIL = """
What they get right and wrong was measured: [the scores](../../src/batuta/starter/README.md). For anything else, give
Batuta a real model: [how to add one](../how-to/add-a-model.md).
"""


def main() -> None:
    """Ask, and write the page."""
    models = {role: Model(starter.FOLDER / f"{name}.gguf") for name, role in starter.ROLES.items()}
    parts = []
    for role, asked in ASKED:
        answer, _, _ = models[role].answer([("user", asked)])
        shown = "\n".join(f"> {line}".rstrip() for line in answer.splitlines())
        parts.append(f"**{role}** · {asked}\n\n{shown}\n")
    PAGE.write_text(HEAD + "\n".join(parts) + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()

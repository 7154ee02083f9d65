"""Sentence frames of the measurement; none of them occurs among the training's. Pure."""

from __future__ import annotations

from tools.starter.coder.phrases_b import framed_en, framed_pt
from tools.starter.kinds import Phrasings

_EN = (
    "(help me|show me how) to DO1 with Python (3|)",
    "my (task|homework) is to DO1; what would the code be?",
    "I'd (like|love) (a few lines|a snippet) of python which DOES1",
    "let's DO1 (by|in) code",
    "give me something in Python which DOES1",
    "is there a way to DO1? (show|give me) the code",
    "(today|now) I have to DO1 in Python",
)
_PT = (
    "(me ajude|me ajuda) a FAZER1 com Python (3|)",
    "minha (tarefa|lição) é FAZER1; como ficaria o código?",
    "gostaria de (algumas linhas|um trecho) de python que FAÇA1",
    "vamos FAZER1 (por código|programando)",
    "me dê algo em Python que FAÇA1",
    "existe (um jeito|alguma forma) de FAZER1? mostre o código",
    "(hoje|agora) tenho que FAZER1 em Python",
)


def held_out(place: int, en: tuple[str, str], pt: tuple[str, str]) -> Phrasings:
    """Return three templates a language: the task in two frames, chosen by the kind's place, and one whole sentence."""
    first, second = place % len(_EN), (place + 3) % len(_EN)
    return {
        "en": (framed_en(_EN[first], en[0], en[0]), framed_en(_EN[second], en[0], en[0]), en[1]),
        "pt": (framed_pt(_PT[first], pt[0], pt[0]), framed_pt(_PT[second], pt[0], pt[0]), pt[1]),
    }


def held_out_function(en: tuple[str, str], pt: tuple[str, str]) -> Phrasings:
    """Return three templates a language for a function `{fn}`, from what it does and its argument."""
    return {
        "en": (
            f"my homework: code {{fn}}, a function which {en[0]}, and output what it makes of {en[1]}",
            f"let {{fn}} be a function that {en[0]}; output it for {en[1]}",
            f"what does {{fn}} return for {en[1]} if it is a function which {en[0]}? give me the code",
        ),
        "pt": (
            f"minha lição: programar {{fn}}, uma função que {pt[0]}, e exibir o que ela faz com {pt[1]}",
            f"seja {{fn}} uma função que {pt[0]}; exiba o valor para {pt[1]}",
            f"o que {{fn}} retorna para {pt[1]} se for uma função que {pt[0]}? me dê o código",
        ),
    }

"""How people ask for programs about text, data, files, classes and algorithms, in wordings kept from the training."""

from __future__ import annotations

from collections.abc import Mapping

from tools.starter.heldout import coder_b_data, coder_b_text
from tools.starter.heldout.phrases_b import held_out, held_out_function
from tools.starter.kinds import Phrasings

_TASKS = {**coder_b_text.WORDINGS, **coder_b_data.WORDINGS}

ASK: Mapping[str, Phrasings] = {
    **{kind: held_out(at, (w[0], w[1]), (w[2], w[3])) for at, (kind, w) in enumerate(_TASKS.items())},
    **{kind: held_out_function((w[0], w[1]), (w[2], w[3])) for kind, w in coder_b_data.FUNCTIONS.items()},
}

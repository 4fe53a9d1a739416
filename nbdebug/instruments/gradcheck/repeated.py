"""Where two passes of the same step part, when they do."""

from __future__ import annotations

import torch

from nbdebug.instruments.gradcheck.held import Held
from nbdebug.instruments.gradcheck.trial import Trial
from nbdebug.listening import Call, Tape


def where_it_differs(trial: Trial) -> str:
    """The first function whose result is not the same twice, as `, from …` ; empty when none can be named."""
    one, other = _tape(trial), _tape(trial)
    for first, second in zip(one.calls, other.calls, strict=False):
        if first.name != second.name:
            return f", and the second pass calls {second.name} where the first called {first.name}{_place(first)}"
        if any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(_kept(first), _kept(second), strict=False)):
            return f", first in the result of {first.name}{_place(first)}"
    return ""


def _tape(trial: Trial) -> Tape:
    with trial.as_it_was(), Held(None, wide=trial.wide), Tape(trial.setup.model) as tape:
        trial.setup.loss(trial.fresh_batch())
    return tape


def _kept(call: Call) -> list[torch.Tensor]:
    return [t.detach() for t in call.outputs()]


def _place(call: Call) -> str:
    return f" ({call.location})" if call.location else ""

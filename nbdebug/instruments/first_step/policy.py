"""A policy gradient: whether actions that did well become more probable. What "well" is, only the names in the code say: a reward or a cost."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from nbdebug.instruments.first_step.answers import Pull
from nbdebug.listening import RESHAPING, Call, Tape
from nbdebug.loss_call import LOSSES

TIMES = ("mul", "__mul__", "__rmul__")
CHANCE = re.compile(r"log_?prob\w*|log_?p\b|log_?pi\b|logps?\b|log_?likelihood\w*", re.I)
PRAISE = re.compile(r"\b(?:\w+[._])*(adv|advs|advantages?|rewards?|returns|reward_to_go|rewards_to_go|gae)\b(?!\s*\()", re.I)
BLAME = re.compile(r"cost|regret|penalt|loss", re.I)
REWARD = re.compile(r"reward|\breturns\b|score|payoff|gain", re.I)

MOST = 16  # products that are asked about; an episode has one a step


def of_policy(tape: Tape, loss: Tensor, sign: float) -> Pull | None:
    """The product of a log-probability and a weight that is called a reward, where the loss falls as good actions become rarer.

    Args:
        sign: -1 for an optimizer that goes uphill.
    """
    ways, found = tape.ancestors(loss), []
    for call in tape.calls:
        if len(found) >= MOST:
            break
        if call.index not in ways or call.name not in TIMES or len(call.given) != 2 or call.line is None:
            continue
        moving = [t for t in call.given if t.requires_grad]
        text = call.line.text.partition("#")[0]
        praise = PRAISE.search(_product(text))
        if len(moving) != 1 or praise is None or not CHANCE.search(text) or BLAME.search(praise[0]):
            continue
        weight = next(t for t in call.given if t is not moving[0])
        if _is_made_of_costs(tape, weight):
            continue
        slope = _slope(loss, call.output)
        if slope is None or not bool(slope.any()):
            return None
        found.append((praise[1], call, _turned(tape, moving[0]) * sign * slope))
    if not found or not all(bool((slope >= 0).all() and slope.any()) for _, _, slope in found):
        return None
    name, call, slope = found[0]
    return Pull(name, "discouraged", float(loss.detach()), float(slope.sum()), sign < 0, _alone(tape, call, ways).location)


def _is_made_of_costs(tape: Tape, weight: Tensor) -> bool:
    """Whether the lines that worked it out speak of costs, and none of rewards: an advantage of costs is minimised."""
    texts = {call.line.text.partition("#")[0] for call in map(tape.calls.__getitem__, tape.ancestors(weight)) if call.line is not None}
    return any(BLAME.search(text) for text in texts) and not any(REWARD.search(text) for text in texts)


def _alone(tape: Tape, call: Call, ways: set[int]) -> Call:
    """The last call that the product goes through before it meets another part of the loss: where its sign is settled."""
    for later in tape.calls[call.index + 1 :]:
        if later.index in ways and call.index in later.parents:
            if later.line is None or sum(t.requires_grad for t in later.given) > 1:
                return call
            call = later
    return call


def _product(text: str) -> str:
    """What is right of the equals sign, or returned."""
    return re.sub(r"^\s*(?:return\b|[\w.\[\], ]+[-+*/]?=(?!=))", "", text)


def _turned(tape: Tape, tensor: Tensor) -> float:
    """-1 where a minus stands before the log-probability."""
    turned, call = 1.0, tape.maker(tensor)
    while call is not None and call.parents and (call.name in RESHAPING or call.name in ("neg", "__neg__", "sum", "mean")):
        before = tape.before(call)
        if call.name in ("neg", "__neg__"):
            if before is not None and before.name in LOSSES:  # a Bernoulli's log-probability is the minus of a cross-entropy
                return turned
            turned = -turned
        call = before
    return turned if call is not None and call.name not in ("__rsub__", "rsub") else 0.0


def _slope(loss: Tensor, of: Tensor) -> Tensor | None:
    try:
        (found,) = torch.autograd.grad(loss, of, retain_graph=True, allow_unused=True)
    except Exception:  # a backward of the user's own may raise anything; the real backward pass will tell
        return None
    return None if found is None or not bool(found.isfinite().all()) else found.detach()

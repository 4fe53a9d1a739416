"""Models of sequences: beside counts of what follows each token, each sequence told from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nbdebug import batch as batches
from nbdebug import curve_shapes
from nbdebug.instruments.watch.result import Rival
from nbdebug.instruments.watch.rival.again import ENOUGH, trained_again

KINDS, POSITIONS, SEQUENCES = 512, 1000, 20  # tokens that are counted in pairs; fewer positions and sequences than these tell little
FLAT = 0.97  # of the loss in the middle of the training, below which one still falls: models of sequences are slow at first; our choice
NEAR = (0.8, 1.25)  # of the loss at the end, within which that of the sequences read must lie
PRIORS = (0.3, 1.0, 3.0, 10.0)  # tokens that are thought to have followed, shared out as tokens are among all
LEFT_OUT = (-100, 0)  # targets that losses may be told to leave out: torch's own, and what is padded with
TRAINING = 1.0  # seconds that steps of our own may take, at each rate
LITTLE = 0.25  # of what a rival is better by, that a model which still falls comes nearer by these steps; our choice


@dataclass(frozen=True)
class Turn:
    """A batch of sequences as a model gets it, and what each place of them is to tell."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: Tensor  # (n, T) tokens
    wanted: Tensor  # (n, T) tokens, of which those `left_out` do not count
    left_out: int

    def loss(self, model: nn.Module) -> Tensor:
        """Of its scores (n, T, K)."""
        scores = batches.prediction(model(*self.args, **self.kwargs))
        if scores is None or scores.shape[:-1] != self.wanted.shape:
            raise ValueError(f"scores of shape {None if scores is None else tuple(scores.shape)} for {tuple(self.wanted.shape)} tokens")
        return F.cross_entropy(scores.flatten(0, 1).float(), self.wanted.flatten().long(), ignore_index=self.left_out)


def beside_counts(model: nn.Module, read: list[Any], losses: list[float]) -> tuple[Rival, list[Turn]] | None:
    """Both, where the model is one of sequences of tokens, called so that it gets about the loss of the loop.

    Args:
        read: batches that it was trained on.
        losses: of its steps.
    """
    end = curve_shapes.end(losses)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    calls = [batches.split(batches.map_tensors(lambda t: t.to(device), batch), model) for batch in read]
    turns, value = min(((turns, _mean(model, turns)) for turns in _readings(calls)), key=lambda found: abs(found[1] - end), default=([], math.inf))
    if not NEAR[0] * end <= value <= NEAR[1] * end or sum(len(turn.given) for turn in turns) < SEQUENCES:
        return None
    told = counted(turns)
    if told is None:
        return None
    pairs, constant = told
    return Rival("tokens", sum(len(turn.given) for turn in turns), value / constant, pairs / constant, value / constant), turns


def tried_again(found: Rival, model: nn.Module, turns: Sequence[Turn], losses: list[float]) -> Rival | None:
    """The same with its loss after some steps of our own on these sequences, all of its weights free; the lowest that was seen.

    None where that does not tell: there were too few steps, or the loss still falls, if slowly, and they bring it further.
    """
    value = _mean(model, turns)
    lowest, taken = trained_again(model, [lambda turn=turn: turn.loss(model) for turn in turns], lambda: _mean(model, turns), TRAINING)
    found = replace(found, again=(found.loss or 0.0) * lowest / value)
    gained = ((found.network or 0.0) - (found.again or 0.0)) / ((found.network or 0.0) - (found.rival or 0.0))
    falls = curve_shapes.end(losses) < FLAT * curve_shapes.middle(losses[int(0.4 * len(losses)) : int(0.6 * len(losses))])
    return None if not found.is_stuck and taken < ENOUGH or falls and gained > LITTLE else found


def counted(turns: Sequence[Turn]) -> tuple[float, float] | None:
    """Mean loss of what followed each token in the other sequences, and of the shares of all; None of too many kinds, or too few places."""
    given, wanted = [t.given.cpu() for t in turns], [torch.where(t.wanted == t.left_out, -1, t.wanted).cpu() for t in turns]
    befores = torch.cat([g.flatten() for g in given]).unique()
    afters = torch.cat([w.flatten() for w in wanted]).unique()
    afters = afters[afters >= 0]
    if not 1 < len(afters) <= KINDS or len(befores) > KINDS:
        return None
    pairs, shares = torch.zeros(len(befores), len(afters)), torch.zeros(len(afters))
    rows = [row for g, w in zip(given, wanted, strict=True) for row in _rows(g, w, befores, afters)]
    for before, after in rows:
        pairs.index_put_((before, after), torch.ones(len(before)), accumulate=True)
    shares = pairs.sum(0)
    if (places := int(shares.sum())) < POSITIONS:
        return None
    losses = torch.zeros(len(PRIORS))
    for before, after in rows:
        own = (after[:, None] == after).float()
        both = (before[:, None] == before).float()
        of_all = (shares[after] - own.sum(1) + 1) / (places - len(after) + len(afters))
        followed, came = pairs[before, after] - (own * both).sum(1), pairs.sum(1)[before] - both.sum(1)
        losses -= torch.stack([((followed + prior * of_all) / (came + prior)).log().sum() for prior in PRIORS])
    chances = shares / places
    return float(losses.min()) / places, float(-(chances * chances.clamp_min(1e-12).log()).sum())


def _rows(given: Tensor, wanted: Tensor, befores: Tensor, afters: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each sequence the tokens and what they are to tell, by their places among those that were met."""
    for before, after in zip(given, wanted, strict=True):
        counts = after >= 0
        yield torch.searchsorted(befores, before[counts].contiguous()), torch.searchsorted(afters, after[counts].contiguous())


def _readings(calls: list[batches.ModelCall]) -> Iterator[list[Turn]]:
    """The ways in which the loop may score them: each place tells the target that stands there, or that which stands next."""
    for ahead in (False, True):
        for left_out in LEFT_OUT:
            turns = [turn for call in calls if (turn := _turn(call, ahead, left_out)) is not None]
            if turns and len(turns) == len(calls):
                yield turns


def _turn(call: batches.ModelCall, ahead: bool, left_out: int) -> Turn | None:
    held = [t for _, t in batches.tensors([call.kwargs.get("input_ids", ()), call.args, call.kwargs]) if _is_tokens(t)]
    tokens, targets = held[0] if held else None, call.targets
    if tokens is None or not isinstance(targets, Tensor) or not _is_tokens(targets) or targets.shape != tokens.shape or (targets is tokens and not ahead):
        return None
    if not ahead:
        return Turn(call.args, call.kwargs, tokens, targets, left_out)
    args, kwargs = batches.map_tensors(lambda t: t[:, :-1] if t.shape[:2] == tokens.shape else t, (call.args, call.kwargs))
    return Turn(args, kwargs, tokens[:, :-1], targets[:, 1:], left_out)


def _is_tokens(tensor: Tensor) -> bool:
    return tensor.ndim == 2 and tensor.shape[1] > 1 and tensor.dtype in (torch.int64, torch.int32)


def _mean(model: nn.Module, turns: Sequence[Turn]) -> float:
    """The loss in eval mode; infinite where the model cannot be called so."""
    model.eval()
    try:
        with torch.no_grad():
            return sum(float(turn.loss(model)) for turn in turns) / len(turns)
    except (ValueError, RuntimeError, IndexError, TypeError):
        return math.inf

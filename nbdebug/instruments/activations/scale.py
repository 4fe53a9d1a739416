"""Weights far too large or far too small, told by what happens when a copy of them is brought to a sound scale."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.counterfactual import Counterfactual, is_adaptive, trainable
from nbdebug.lines.initialised import is_drawn_by_library
from nbdebug.listening import RESHAPING, Tape
from nbdebug.tensor_stats import norms
from nbdebug.training_setup import TrainingSetup

LARGE, SMALL = 3.0, 0.15  # gains that deserve a trial; He's is 1.4, torch's default 0.58, GPT-2's 0.55
SUMS, PARTS = frozenset(["add", "__add__", "__radd__", "__iadd__", "add_"]), RESHAPING
PRODUCTS = ("matmul", "mm", "__matmul__")
LAYERS = ("linear", "conv1d", "conv2d", "conv3d")
DOUBTFUL, FAINT = 3000.0, 0.07  # comeback and gain from which it is tried; small transformers with N(0, 0.02) come to 1700 and 0.1, and learn
TRIES = 40  # steps of Adam at the user's rate, in which the loss must have halved from gain 1
HALF = 0.5
LONGER = 2  # times as many steps, where the copies at gain 1 have come half as far already
FAR = 0.2  # of the loss that large weights come to; sound ones that were measured come as far as those at gain 1, or further, but for a factor of 2
AS_GOOD = 1.15  # times the first loss, that copies at gain 1 may cost: what is trained already loses more, what knows nothing stays by chance
WIDE = 1.5  # of an embedding; torch fills it with 1
TOO_WIDE = 3.0  # the same where batches are new; our choice
NEW, FEW_NEW, MOST_ON_NEW, PATIENCE_ON_NEW = 40, 4, 150, 6.0  # batches, the fewest of them, steps, and seconds of the processor for all of it
LATE, LEARNT, STANDS = 10, 0.65, 0.8  # losses that are looked at together; of the first loss, what is learnt and what stands; our choice
MODERATE = 3e-3  # of Adam, for those who train with something else
PATIENCE = 4.0  # seconds of the processor for them
MOST_TRIALS = 6  # suspects tried one by one, the most extreme, and the last on the way to the loss


@dataclass(frozen=True)
class Suspect:
    """A weight matrix of unusual scale."""

    parameter: str
    gain: float  # rms times the root of its fan-in: by how much it scales an independent input


@dataclass(frozen=True)
class Large:
    """A matrix whose rescaled copy brings the loss down."""

    parameter: str
    gain: float
    before: float  # the loss as it is; inf when it is not finite
    after: float  # the loss with this matrix, and no other, at gain 1; inf where it was not tried alone
    all_after: float  # with all large ones at gain 1
    table: float = 0.0  # rms of an embedding, which torch fills with 1, or of what is added; 0 of anything else


@dataclass(frozen=True)
class Small:
    """Matrices whose rescaled copies bring their own gradients back."""

    parameters: tuple[str, ...]
    gain: float  # of the smallest
    comeback: float  # factor by which the median gradient norm grows when all of them are at gain 1
    trained: tuple[float, float, float] | None = None  # the loss at first, after some steps, and after as many from gain 1; None: not tried
    steps: int = 0  # how many
    learnt: tuple[float, float, int] | None = None  # the loss at first, after steps of Adam, and their number, where weights are as a library draws them and learn; None: they do not, or it was not tried


@dataclass(frozen=True)
class Held:
    """Large matrices from which the loss does not get away, though it cannot show by its size how far off it is."""

    parameters: tuple[str, ...]  # the largest first
    gain: float
    before: float
    after: float  # a few steps later
    rescaled: float  # as many steps from gain 1
    steps: int


def large(setup: TrainingSetup, batch: Any) -> Iterator[Large]:
    """Tries the large suspects, first all together, then some alone."""
    in_order = list(_suspects(setup, lambda gains: min(gains) > LARGE, use := _by_use(setup, batch)))
    if not in_order:
        return
    suspects = sorted(in_order, key=lambda s: -s.gain)
    alone = [*suspects[:MOST_TRIALS], in_order[-1]]  # what comes last scales the outputs themselves
    trial, weights, tables = Counterfactual(setup, batch), dict(trainable(setup.model)), _tables(setup.model) | use.added
    sound = {s.parameter: weights[s.parameter].detach() / s.gain for s in suspects}
    before, all_after = trial.value(), trial.value(sound)
    if not math.isfinite(all_after):
        return
    for s in suspects:
        after = all_after if len(suspects) == 1 else trial.value({s.parameter: sound[s.parameter]}) if s in alone else math.inf
        yield Large(s.parameter, s.gain, _or_inf(before), _or_inf(after), all_after, _rms(weights[s.parameter]) if s.parameter in tables else 0.0)


def held(setup: TrainingSetup, batch: Any, found: tuple[Large, ...], more: Callable[[int], Sequence[Any]] = lambda most: ()) -> Held | None:
    """Tries what a few steps do from large weights, and from copies at gain 1: a bounded loss of saturated outputs looks harmless.

    Embeddings as torch fills them are large by their layout alone, and are not asked about. One batch may be learnt by heart from any weights: where that
    is so, batches that are new to them are tried.

    Args:
        more: gives so many batches, or fewer.
    """
    weights = dict(trainable(setup.model))
    odd = [one for one in found if not one.table or one.table > WIDE]
    if not odd or not math.isfinite(odd[0].before) or odd[0].all_after > (AS_GOOD if odd[0].table else 1.0) * odd[0].before:
        return None
    trial, rate = Counterfactual(setup, batch), _rate(setup) if is_adaptive(setup) else MODERATE
    as_is = {name: p.detach() for name, p in weights.items()}
    rescaled = as_is | {one.parameter: weights[one.parameter].detach() / one.gain for one in found}
    for steps in (TRIES, LONGER * TRIES) if odd[0].table else (TRIES,):
        stays = _trained(trial, dict(as_is), rate, steps)
        if stays is None or stays[1] < steps:
            break
        learns = _trained(trial, dict(rescaled), rate, steps, at_end=True)
        if learns is None or not learns[0] < HALF * stays[0]:
            break
        if learns[0] < FAR * stays[0]:
            return Held(tuple(one.parameter for one in odd), odd[0].gain, odd[0].before, stays[0], learns[0], steps)
    far = [one for one in odd if one.table > TOO_WIDE]  # of other matrices the gradients tell
    return _held_on_new(setup, more(NEW), as_is, far, rate) if far else None


def _held_on_new(setup: TrainingSetup, batches: Sequence[Any], as_is: dict[str, Tensor], far: list[Large], rate: float) -> Held | None:
    """The same on batch after batch, in two orders: from embeddings as torch fills them the loss comes down, and from the weights as they are it stands."""
    trials = [Counterfactual(setup, batch) for batch in batches]
    if len(trials) < FEW_NEW:
        return None
    rescaled = as_is | {one.parameter: as_is[one.parameter] / one.table for one in far}
    deadline, steps, last = time.process_time() + PATIENCE_ON_NEW, MOST_ON_NEW, (0.0, 0.0)
    for order in (trials, trials[::-1]):
        first = math.fsum(trial.value() for trial in order[:FEW_NEW]) / FEW_NEW
        learns = _course(order, dict(rescaled), rate, steps, deadline, LEARNT * first)
        if len(learns) < LATE or _late(learns) > LEARNT * first:
            return None
        steps = min(steps, len(learns)) if order is trials else steps
        stays = _course(order, dict(as_is), rate, len(learns), deadline, LEARNT * first)
        if len(stays) < len(learns) or min(_late(stays), _late(stays[: len(stays) - LATE // 2])) < STANDS * first:
            return None
        last = last if any(last) else (_late(stays), _late(learns))
    return Held(tuple(one.parameter for one in far), far[0].gain, first, *last, steps)


def _late(losses: list[float]) -> float:
    return math.fsum(losses[-LATE:]) / LATE if len(losses) >= LATE else math.inf


def _course(trials: Sequence[Counterfactual], weights: dict[str, Tensor], rate: float, most: int, deadline: float, enough: float) -> list[float]:
    """The losses before steps of Adam on copies, a batch a step, until they are low enough or there is no time left."""
    moments = {name: (torch.zeros_like(w), torch.zeros_like(w)) for name, w in weights.items()}
    losses: list[float] = []
    for step in range(1, most + 1):
        value, gradients = trials[(step - 1) % len(trials)].value_and_gradients(weights)
        losses.append(value)
        if not math.isfinite(value) or _late(losses) < enough or time.process_time() > deadline:
            break
        _adam(weights, gradients, moments, rate, step)
    return losses


def _adam(weights: dict[str, Tensor], gradients: dict[str, Tensor], moments: dict[str, tuple[Tensor, Tensor]], rate: float, step: int) -> None:
    for name, gradient in gradients.items():
        first, second = moments[name]
        first.lerp_(gradient, 0.1)
        second.lerp_(gradient.square(), 0.001)
        weights[name] = weights[name] - rate * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)


def small(setup: TrainingSetup, batch: Any) -> Small | None:
    """Tries all small suspects together: alone, each would be a small head, which is sound."""
    suspects = list(_suspects(setup, lambda gains: 0 < max(gains) < SMALL))
    if len(suspects) < 2:
        return None
    trial, weights = Counterfactual(setup, batch), dict(trainable(setup.model))
    small_ones = {s.parameter: weights[s.parameter].detach() for s in suspects}
    sound = {s.parameter: small_ones[s.parameter] / s.gain for s in suspects}
    before, after = (_gradient_norms(trial, lent) for lent in (small_ones, sound))
    ratios = [after[name] / before[name] for name in before if before[name] > 0 and math.isfinite(after[name])]
    faint = [after[name] > 0 for name in before if before[name] == 0]  # underflowed altogether
    comeback = median([*ratios, *(math.inf for came_back in faint if came_back)] or [1.0])
    found = Small(tuple(s.parameter for s in suspects), min(s.gain for s in suspects), comeback)
    if not is_adaptive(setup) and math.isfinite(comeback) and is_drawn_by_library(setup.model, found.parameters):
        return replace(found, learnt=_learnt(trial, {name: p.detach() for name, p in weights.items()}))
    if not DOUBTFUL <= comeback < math.inf or found.gain > FAINT or not is_adaptive(setup):
        return found
    from_sound = _trained(trial, {name: p.detach() for name, p in weights.items()} | sound, _rate(setup), TRIES)
    if from_sound is None or from_sound[1] == TRIES:
        return found
    from_small = _trained(trial, {name: p.detach() for name, p in weights.items()}, _rate(setup), from_sound[1], at_end=True)
    return found if from_small is None else replace(found, trained=(trial.value(), from_small[0], from_sound[0]), steps=from_sound[1])


def _learnt(trial: Counterfactual, weights: dict[str, Tensor]) -> tuple[float, float, int] | None:
    """What a moderate Adam makes of the weights as they are; None where it does not halve the loss of a batch."""
    ended = _trained(trial, weights, MODERATE, LONGER * TRIES)
    return None if ended is None or ended[1] == LONGER * TRIES else (trial.value(), *ended)


def _rate(setup: TrainingSetup) -> float:
    return float(setup.optimizers[0].param_groups[0]["lr"]) if setup.optimizers else 1e-3


def _trained(trial: Counterfactual, weights: dict[str, Tensor], rate: float, most: int, *, at_end: bool = False) -> tuple[float, int] | None:
    """The loss of a batch after steps of Adam on copies, and their number: until it has halved, or all of them. None where that takes too long."""
    moments = {name: (torch.zeros_like(w), torch.zeros_like(w)) for name, w in weights.items()}
    before, deadline, value = trial.value(), time.process_time() + PATIENCE, math.inf
    for step in range(1, most + 1):
        _adam(weights, trial.gradients(weights), moments, rate, step)
        if time.process_time() > deadline:
            return None
        value = trial.value(weights) if not at_end or step == most else value
        if value < HALF * before and not at_end:
            return value, step
    return value, most


@dataclass(frozen=True)
class Use:
    """What the step does with a parameter, which tells of its dimensions."""

    in_out: frozenset[str] = frozenset()  # behind a product, as in `x @ w`: the first dimension is that of the inputs
    out_in: frozenset[str] = frozenset()  # of a layer, as in `F.linear(x, w)`: the second one is
    added: frozenset[str] = frozenset()  # only added, as positions are

    def gains(self, name: str, weight: Tensor, rms: float) -> list[float]:
        """By how much it scales an independent input; for either layout, where the use does not tell which it is: both must be odd then."""
        if name in self.added:
            return [rms]
        both = [rms * math.sqrt(fan_in * math.prod(weight.shape[2:])) for fan_in in weight.shape[:2]]
        return both[:1] if name in self.in_out else both[1:] if name in self.out_in else both


def _by_use(setup: TrainingSetup, batch: Any) -> Use:
    names = {id(p): name for name, p in trainable(setup.model) if p.ndim >= 2}
    with torch.no_grad(), Tape(setup.model) as tape:
        setup.loss(batch)
    used: dict[str, set[str]] = {}
    behind: dict[str, set[str]] = {}
    held = dict(names)
    for call in tape.calls:
        given = call.inputs()
        taken = {held[id(t)] for t in given if id(t) in held}
        if call.name in PARTS:  # `self.pos[:, :length]`
            held |= {id(t): name for name in taken for t in call.outputs()}
        else:
            for name in taken:
                used.setdefault(name, set()).add(call.name)
        if len(given) > 1 and id(given[1]) in names:
            behind.setdefault(call.name, set()).add(names[id(given[1])])
    in_out = frozenset().union(*(behind.get(kind, set()) for kind in PRODUCTS))
    out_in = frozenset(name for kind in LAYERS for name in behind.get(kind, ()) if used[name] <= set(LAYERS))
    return Use(in_out, out_in - in_out, frozenset(name for name, by in used.items() if by <= SUMS))


def _suspects(setup: TrainingSetup, odd: Callable[[list[float]], bool], use: Use | None = None) -> Iterator[Suspect]:
    use = use or Use()
    matrices = [(name, p) for name, p in trainable(setup.model) if p.ndim >= 2 and p.numel() and (p.shape[0] > 1 or name in use.added)]
    for (name, p), norm in zip(matrices, norms([p for _, p in matrices]), strict=True):
        gains = use.gains(name, p, norm / math.sqrt(p.numel()))
        if odd(gains):
            yield Suspect(name, min(gains, key=lambda gain: abs(math.log(gain))))


def _gradient_norms(trial: Counterfactual, weights: dict[str, Tensor]) -> dict[str, float]:
    given = trial.gradients(weights)
    return dict(zip(given, norms(list(given.values())), strict=True))


def _tables(model: nn.Module) -> set[str]:
    return {f"{path}.weight" for path, module in model.named_modules() if isinstance(module, (nn.Embedding, nn.EmbeddingBag))}


def _rms(weight: Tensor) -> float:
    return float(weight.detach().double().square().mean().sqrt())


def _or_inf(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf

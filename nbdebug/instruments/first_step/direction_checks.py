"""Check of the loss's direction and size: flipped, with exchanged arguments, or a sum where the learning rate is for a mean."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.findings import ERROR, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.answers import Pull
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.result import FirstStep, in_loss
from nbdebug.instruments.first_step.summed import is_too_much
from nbdebug.instruments.first_step.wiring_checks import _demand_step


@first_step.check("ND405", "loss flipped, swapped or summed", severity=ERROR, advice="minimise the loss itself, without the minus")
def loss_sign_or_reduction(step: FirstStep) -> Iterator[Seen]:
    """The loss has the wrong sign, its arguments exchanged, or is a sum with a learning rate that is meant for a mean.

    Wrong: a flipped sign makes the model worse with every step, and the loss looks better and better; exchanged arguments measure
        something else; a sum over 64 samples makes every step 64 times as long.
    Seen: the slope from the loss that is minimised back to the torch loss it is made of is negative, with the targets of the batch;
        of a loss written by hand: a step of the outputs towards their targets makes it larger, or log-probabilities of actions are
        weighted by what the code calls an advantage, reward or return, and fall with it; the slopes of a quantile loss pull to 0.9 where it was
        given 0.1; or the loss falls without end in all directions in which random numbers move an output. Exchanged: the batch's own
        targets stand where the predictions belong, in a loss that is not symmetrical. A sum: the losses of both halves of
        the batch add up, and twenty steps of plain gradient descent drive it up where those on the mean bring it down. Weighted
        and mixed losses, log-likelihoods, rewards, adversaries against frozen models and constant targets are left alone, and
        the size of a loss is for Adam and its like.
    Where: the loss call.
    Try: drop the minus (or maximize=True); loss_fn(outputs, targets); reduction="mean", or divide the learning rate.
    Bad:
        def loss_fn(outputs, targets):
            return -F.cross_entropy(outputs, targets)
    Good:
        def loss_fn(outputs, targets):
            return F.cross_entropy(outputs, targets)
    Source: torch documentation, nn.CrossEntropyLoss (reduction), torch.optim.SGD (maximize).
    """
    _demand_step(step)
    for pull in step.pulls:
        if pull.kind == "swapped":
            yield Seen(
                f"{pull.name} gets the batch's targets as its input and the model's output as its target: it is not symmetrical",
                in_loss(step, pull.location), {"loss": pull.value}, advice="predictions first: loss_fn(outputs, targets)",
            )  # fmt: skip
        else:
            advice = "maximize=False in the optimizer" if pull.maximized else None
            yield Seen(_flipped(pull), in_loss(step, pull.location), {"loss": pull.value, "slope": pull.slope}, advice=advice)
    found = step.summed
    if found is not None and is_too_much(found):
        every = "" if found.terms == found.samples else f" and the {found.terms // found.samples} entries of each"
        after = f"rises from {found.first:.4g} to {found.with_sum:.4g}" if math.isfinite(found.with_sum) else "is not finite"
        yield Seen(
            f"the loss is a sum over the {found.samples} samples of a batch{every}: after {found.steps} steps at a learning rate of {found.rate:g} "
            f"the loss of a sample {after}; with the mean it falls to {found.with_mean:.4g}",
            in_loss(step, found.location), {"samples": found.samples, "with_sum": found.with_sum, "with_mean": found.with_mean}, WARNING,
            f'reduction="mean", or a learning rate {found.terms} times smaller',
        )  # fmt: skip


def _flipped(pull: Pull) -> str:
    if pull.maximized:
        return f"the optimizer goes uphill (maximize=True) on {pull.name}, so every step makes the predictions worse"
    if pull.kind == "endless":
        return f"the loss falls without end wherever {pull.name} go{'es' * pull.name.endswith(']')} (it starts at {pull.value:.4g}): it, or the part of it that looks at {'that' if pull.name.endswith(']') else 'them'}, is counted with the wrong sign"
    if pull.kind == "negated":
        return f"the loss that is minimised falls when {pull.name} rises (slope {pull.slope:.3g}; it starts at {pull.value:.4g})"
    if pull.kind == "discouraged":
        return f"the loss falls when actions with a positive {pull.name} become less probable (it starts at {pull.value:.4g}): its minus is missing"
    if pull.kind == "mirrored":
        asked, meant = pull.name.split(", ")
        return f"the slopes of this quantile loss pull an output to the quantile {asked}, where it was given {meant}: target and prediction are exchanged in their difference"
    if pull.name == "log-probability":
        return f"the loss falls when the right classes become less probable (it starts at {pull.value:.4g}): its minus is missing"
    return f"moving the outputs towards their targets makes the loss larger, for {100 * pull.slope:.0f} % of them (it starts at {pull.value:.4g})"

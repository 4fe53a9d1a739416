"""What torch's rarer losses were given, beside what their documentation asks for: rates or their logarithms, -1 and 1 or 0 and 1, one class or several."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nbdebug.instruments.first_step.answers import Misfit
from nbdebug.listening import RESHAPING, Call, Tape
from nbdebug.loss_call import BINARY, is_probabilities

POSITIVE = {  # function → what its result is, where a log-rate is asked for
    "softplus": "positive", "exp": "positive", "exp_": "positive", "relu": "never negative", "relu_": "never negative", "sigmoid": "within 0..1",
    "square": "never negative", "abs": "never negative",
}  # fmt: skip
SIGNS = {  # losses whose targets are -1 and 1, and where those stand
    "soft_margin_loss": (1, "target"), "hinge_embedding_loss": (1, "target"), "margin_ranking_loss": (2, "target"), "cosine_embedding_loss": (2, "target"),
}  # fmt: skip
CUT = 0.1  # share of outputs outside 0..1 that are no rounding; our choice
BELOW = 0.01  # share of the targets of a cross-entropy that are below zero, from which on they are no probabilities; our choice
MANY = 2.0  # that such targets add up to, a sample: probabilities times the weights of samples are 1 on average
DISTINCT = 16  # values in a batch, from which on targets are no labels; our choice
OUTSIDE = 0.01  # log(p + eps) may be that far above zero


def misfits(tape: Tape) -> tuple[Misfit, ...]:
    """Every loss call of the step that got what it does not take; once for each place."""
    found = {(one.code, str(one.location)): one for call in reversed(tape.calls) for one in _of(tape, call)}
    return tuple(reversed(found.values()))


def _of(tape: Tape, call: Call) -> Iterator[Misfit]:
    if call.name == "poisson_nll_loss":
        yield from _rates(tape, call)
    elif call.name == "ctc_loss":
        yield from _alignments(call)
    elif call.name == "kl_div":
        yield from _divergence(call)
    elif call.name in SIGNS:
        yield from _signs(call)
    elif call.name == "cross_entropy":
        yield from _several_classes(tape, call)
        yield from _quantities(tape, call)
    elif call.name in BINARY:
        yield from _cut_off(tape, call) if call.name == "binary_cross_entropy" else ()
        yield from _of_two_classes(call)


def _rates(tape: Tape, call: Call) -> Iterator[Misfit]:
    """poisson_nll_loss takes the logarithm of the rate, unless log_input=False."""
    rates: Tensor = call.argument(0, "input")
    low, high = map(float, torch.aminmax(rates.detach()))
    if call.argument(2, "log_input", True):
        maker = _maker(tape, rates)
        if maker is not None and maker.name in POSITIVE and low >= 0:
            by = f"{maker.module} ({maker.name})" if maker.module else maker.name
            yield Misfit(
                "ND402", f"poisson_nll_loss takes its input for the logarithm of a rate, but {by} makes it {POSITIVE[maker.name]} "
                f"({low:.3g}..{high:.3g}): exp of it is a rate of 1 at the least",
                call.location, {"lowest": low, "highest": high}, "PoissonNLLLoss(log_input=False), or leave the activation off the end of the model",
            )  # fmt: skip
    elif low < 0:
        yield Misfit(
            "ND402", f"poisson_nll_loss with log_input=False wants rates, which are positive, but its input comes down to {low:.3g}",
            call.location, {"lowest": low, "highest": high}, "log_input=True, or a softplus at the end of the model",
        )  # fmt: skip


def _maker(tape: Tape, tensor: Tensor) -> Call | None:
    """What gave the values their sign: an epsilon that is added is looked through."""
    call = tape.maker(tensor)
    while call is not None and call.parents and (call.name in RESHAPING or _is_added_number(call)):
        call = tape.before(call)
    return call


def _is_added_number(call: Call) -> bool:
    return call.name in ("add", "__add__", "clamp", "clamp_min") and len(call.given) == 1


def _alignments(call: Call) -> Iterator[Misfit]:
    scores: Tensor = call.argument(0, "log_probs").detach()
    if not is_probabilities(scores.exp(), scores.ndim - 1):
        low, high = map(float, torch.aminmax(scores))
        yield Misfit(
            "ND402", f"ctc_loss wants log-probabilities, but exp(log_probs) does not add up to one over the last dimension of {tuple(scores.shape)} "
            f"(they lie in {low:.3g}..{high:.3g})",
            call.location, {"lowest": low, "highest": high}, "put log_softmax(dim=-1) before it",
        )  # fmt: skip


def _divergence(call: Call) -> Iterator[Misfit]:
    """The targets of kl_div are probabilities, with log_target=True their logarithms."""
    targets: Tensor = call.argument(1, "target").detach()
    if not targets.is_floating_point() or not targets.numel():
        return
    low, high = map(float, torch.aminmax(targets))
    as_logs = bool(call.argument(5, "log_target", False))
    if as_logs and high > OUTSIDE:
        yield Misfit(
            "ND402", f"kl_div with log_target=True wants log-probabilities as targets, but they come up to {high:.3g}",
            call.location, {"lowest": low, "highest": high}, "log_target=False, or targets.log()",
        )  # fmt: skip
    elif not as_logs and low < 0 < high:
        yield Misfit(
            "ND402", f"kl_div wants probabilities as targets, but they lie in {low:.3g}..{high:.3g}",
            call.location, {"lowest": low, "highest": high}, "softmax(dim=-1) on the targets, or log_target=True with log_softmax",
        )  # fmt: skip
    elif not as_logs and low < 0 and high <= OUTSIDE:
        yield Misfit(
            "ND402", f"kl_div wants probabilities as targets, but they lie in {low:.3g}..{high:.3g}: they are logarithms",
            call.location, {"lowest": low, "highest": high}, "log_target=True, or targets.exp()",
        )  # fmt: skip


def _cut_off(tape: Tape, call: Call) -> Iterator[Misfit]:
    """Raw outputs that a clamp makes look like probabilities: those outside have no gradient."""
    cut = tape.origin(call.argument(0, "input"))
    if cut is None or cut.name not in ("clamp", "clip") or not cut.given or cut.given[0].shape != cut.output.shape:
        return
    raw = cut.given[0].detach()
    outside = float(((raw < 0) | (raw > 1)).double().mean())
    if outside >= CUT:
        low, high = map(float, torch.aminmax(raw))
        yield Misfit(
            "ND402", f"binary_cross_entropy wants probabilities, but its input is raw outputs ({low:.3g}..{high:.3g}) that a clamp cuts off: {100 * outside:.0f} % lie outside "
            "0..1, and no gradient comes back from those",
            call.location, {"outside": outside, "lowest": low, "highest": high}, "binary_cross_entropy_with_logits (nn.BCEWithLogitsLoss) on the raw outputs",
        )  # fmt: skip


def _signs(call: Call) -> Iterator[Misfit]:
    """Where -1 is meant, a 0 says nothing: neither side of the margin is asked for."""
    position, name = SIGNS[call.name]
    targets = call.argument(position, name)
    if isinstance(targets, Tensor) and set(targets.detach().unique()[:3].tolist()) == {0, 1} and targets.unique().numel() == 2:
        yield Misfit(
            "ND404", f"{call.name} wants targets of -1 and 1, and gets 0 and 1: the zeros say nothing", call.location,
            {"zeros": int((targets == 0).sum()), "ones": int((targets == 1).sum())}, "2 * targets - 1",
        )  # fmt: skip


def _several_classes(tape: Tape, call: Call) -> Iterator[Misfit]:
    """Targets of zeros and ones of which several may be one; a model of its own inputs (a multinomial autoencoder) means it."""
    scores, targets = call.argument(0, "input"), call.argument(1, "target")
    if not isinstance(targets, Tensor) or not targets.is_floating_point() or targets.shape != scores.shape or targets.ndim < 2:
        return
    ones = targets.detach().sum(1)
    several = int((ones > 1).sum())
    is_multi_hot = bool(((targets == 0) | (targets == 1)).all())
    if is_multi_hot and several and not _is_read(tape, targets):
        yield Misfit(
            "ND404", f"cross_entropy has its {targets.shape[1]} classes exclude each other, but {several} of {ones.numel()} targets have several of them "
            f"(and {int((ones == 0).sum())} have none)",
            call.location, {"several": several, "samples": ones.numel()}, "binary_cross_entropy_with_logits (nn.BCEWithLogitsLoss) judges every class on its own",
        )  # fmt: skip


def _quantities(tape: Tape, call: Call) -> Iterator[Misfit]:
    """Targets of a regression, where probabilities are asked for; a single entry a sample below zero is a choice with its reward, whole numbers are counts."""
    scores, targets = call.argument(0, "input"), call.argument(1, "target")
    if not isinstance(targets, Tensor) or not targets.is_floating_point() or targets.shape != scores.shape or targets.ndim < 2 or targets.requires_grad:
        return
    whole = targets.detach()
    below = float(((whole < 0) & ((whole != 0).sum(1, keepdim=True) > 1)).double().mean())
    sums = whole.sum(1)
    above = below == 0 and bool((sums > 1 + BELOW).all()) and float(sums.mean()) > MANY and bool((whole != whole.round()).any()) and not _is_read(tape, targets)
    if below >= BELOW or above:
        low, high = map(float, torch.aminmax(whole))
        how = f"{100 * below:.0f} % of them below zero: the loss has no bottom" if below else f"which add up to {float(sums.mean()):.3g} a sample, and not to 1"
        yield Misfit(
            "ND404", f"cross_entropy wants a class or the probability of each, but its targets are {whole.shape[1]} quantities in {low:.3g}..{high:.3g}, {how}",
            call.location, {"lowest": low, "highest": high, "below_zero": below}, "mse_loss, l1_loss or smooth_l1_loss for quantities",
        )  # fmt: skip


def _of_two_classes(call: Call) -> Iterator[Misfit]:
    """Targets on both sides of zero that are no labels, where 0 or 1 is asked for."""
    targets = call.argument(1, "target")
    if not isinstance(targets, Tensor) or not targets.is_floating_point() or targets.requires_grad or not targets.numel():
        return
    low, high = map(float, torch.aminmax(targets.detach()))
    distinct = len(targets.detach().unique())
    if low < 0 < high and distinct > max(DISTINCT, targets.numel() // 4):
        yield Misfit(
            "ND404", f"{call.name} wants 0 or 1, but its targets are quantities in {low:.3g}..{high:.3g}, of {distinct} values: the loss has no bottom",
            call.location, {"lowest": low, "highest": high, "values": distinct}, "mse_loss, l1_loss or smooth_l1_loss for quantities",
        )  # fmt: skip


def _is_read(tape: Tape, targets: Tensor) -> bool:
    """Whether the model was given the very values that it is to predict."""
    given = [t for call in tape.modules if call.path is not None for t in call.args if isinstance(t, Tensor)]
    return any(t.shape == targets.shape and torch.equal(t.detach().to(targets), targets) for t in given)

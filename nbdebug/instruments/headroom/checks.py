"""Checks of what has no finite value yet: domains, formulas, masked rows."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.headroom.danger import danger
from nbdebug.instruments.headroom.instrument import headroom
from nbdebug.instruments.headroom.result import Headroom
from nbdebug.nonfinite.headroom.sites import Site
from nbdebug.nonfinite.headroom.stretching import Formula

INEXACT = 1e-2  # relative error: fewer than two digits are left; our choice, sound formulas keep four and more
LOST = 1.0  # relative error: no digit is left, in this very batch
WORSE = 8.0  # times the error that the precision cannot avoid; our choice
EPSILONS = {"float16": ("1e-4", "1e-3"), "bfloat16": ("1e-6", "1e-2")}  # that the precision does not round to 0; beside 1

GUARDS = {  # side of the edge → what to write
    "above": "add an epsilon inside ({0}(x + {1})), or clamp with x.clamp(min={1})",
    "off": "add an epsilon of its own sign to the denominator, or x.clamp(min={1}) where it cannot be negative",
    "below": "clamp the argument (x.clamp(max=20)), or work with its logarithm",
    "within": "clamp a little inside: x.clamp(-1 + {2}, 1 - {2})",
}


@headroom.check(
    "ND310", "unsafe domain", severity=WARNING, advice="keep the argument off the edge with an epsilon or a clamp inside the function",
)  # fmt: skip
def unsafe_domain(result: Headroom) -> Iterator[Seen]:
    """A logarithm, root, quotient or exponential that this training takes to the edge of its domain.

    Wrong: one sample, or a few more steps, and the value or its derivative is not finite: then every weight is NaN.
    Seen: nothing in the graph keeps the argument off the edge (an epsilon, a clamp, a square with something added; an epsilon that
        the precision rounds to 0 is none), and one of these: the derivative is not finite now; another batch goes over the edge;
        the next 30 updates, rehearsed on copies of the weights, do, or are on a straight way there; a denominator takes both
        signs; one element makes more than half of the gradient; the argument of an exponential is two thirds of what overflows.
        An argument that is merely unguarded, and stays far from its edge, is not accused.
    Where: the operator, its module and the line.
    Try: an epsilon inside the root or the logarithm, a clamp before an exponential or acos, softplus for what must be positive.
    Bad:
        model = nn.Linear(64, 2)
        nn.init.constant_(model.bias, 0.3)
        nn.init.zeros_(model.weight)
        quantity = inputs[:, :1] * 3
        train_loader = DataLoader(TensorDataset(inputs, quantity), batch_size=32)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        def loss_fn(outputs, targets):
            mean, variance = outputs[:, :1], outputs[:, 1:]
            return (variance.log() + (targets - mean) ** 2 / (variance ** 2 + 1)).mean()
    Good:
        model = nn.Linear(64, 2)
        quantity = inputs[:, :1] * 3
        train_loader = DataLoader(TensorDataset(inputs, quantity), batch_size=32)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        def loss_fn(outputs, targets):
            mean, variance = outputs[:, :1], F.softplus(outputs[:, 1:]) + 1e-6
            return (variance.log() + (targets - mean) ** 2 / (variance ** 2 + 1)).mean()
    Source: torch documentation, Autograd mechanics, on functions that are not differentiable; the thresholds are our choice,
        measured on the sound patients (see nbdebug/instruments/headroom/danger.py).
    """
    _demand(result)
    worn = {formula.name for formula in result.formulas if _is_alarm(formula)}
    for site in result.sites:
        if site.formula in worn and site.formula:
            continue
        said = danger(site, result)
        if said:
            yield Seen(
                f"`{site.operator}`: {said}", site.location,
                {"headroom": site.nearest, "usual": site.typical, "edge": site.edge, "lowest": site.lowest, "highest": site.highest},
                advice=_guard(site),
            )  # fmt: skip


def _guard(site: Site) -> str:
    if site.operator.endswith("without eps"):
        return "leave the norm layer its eps (1e-5)"
    tiny, inner = EPSILONS.get(site.dtype, ("1e-6", "1e-6"))
    return GUARDS[site.side].format(site.operator if site.operator.isidentifier() else "torch.pow", tiny, inner)


@headroom.check(
    "ND311", "unstable formula", severity=WARNING, advice="take the stable function that torch has for it",
)  # fmt: skip
def cancellation(result: Headroom) -> Iterator[Seen]:
    """A formula that overflows or loses its digits, where a stable one exists.

    Wrong: log(softmax(x)) is -inf as soon as a probability rounds to 0, exp(x) / exp(x).sum() is NaN beyond 88, and
        mean(x²) - mean(x)² may be negative: a loss that trains for hours and then is NaN.
    Seen: the formula is found in the graph of the step, its operators are repeated in float64 and by the stable function, and
        its inputs are made 4 times as large as they became in several batches and 30 rehearsed updates, no further than the
        operators before allow: what comes out is not finite where the stable one is, or fewer than two digits are right now.
        A formula that stays exact within that reach is only noted; one that has no digit left now is an error.
    Where: the line of the last operator.
    Try: F.log_softmax, F.logsigmoid, F.softplus, torch.logsumexp, torch.softmax, x.var(), torch.expm1, torch.cdist, F.cross_entropy.
    Bad:
        model = nn.Linear(64, 10)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
        def loss_fn(outputs, targets):
            chance, yes = outputs.sigmoid(), F.one_hot(targets, 10)
            return -(yes * chance.log() + (1 - yes) * (1 - chance).log()).mean()
    Good:
        model = nn.Linear(64, 10)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
        def loss_fn(outputs, targets):
            return F.binary_cross_entropy_with_logits(outputs, F.one_hot(targets, 10).float())
    Source: Blanchard, Higham, Higham, Accurately computing the log-sum-exp and softmax functions, 2021; the reach of 4 is our
        choice.
    """
    _demand(result)
    yield from (_unstable(formula) for formula in result.formulas if not _leaves_range(formula))


@headroom.check("ND807", "low-precision range", severity=WARNING, advice="this part in float32: .float() before it, or autocast(enabled=False) around it")
def out_of_range(result: Headroom) -> Iterator[Seen]:
    """Values or squares that are added up in float16, which ends at 65504, though a sum in float32 is finite."""
    _demand(result)
    yield from (_unstable(formula) for formula in result.formulas if _leaves_range(formula))


def _leaves_range(formula: Formula) -> bool:
    """Whether nothing but the precision is wrong with it."""
    return formula.name.endswith(" in float16")


def _unstable(formula: Formula) -> Seen:
    alarm = _is_alarm(formula)
    return Seen(
        _said(formula), formula.location,
        {"largest": formula.largest, "reach": formula.reach, "error": formula.error, "becomes": formula.breaks or "finite"},
        (ERROR if formula.error > LOST else None) if alarm else INFO,
        f"{formula.advice}{_agreement(formula)}",
    )  # fmt: skip


def _is_alarm(formula: Formula) -> bool:
    return bool(formula.breaks) or formula.error > max(INEXACT, WORSE * formula.attainable)


def _said(formula: Formula) -> str:
    now = f"`{formula.name}`{'' if _leaves_range(formula) else f' in {formula.dtype}'}: |x| comes to {formula.largest:.3g} here"
    if formula.breaks and formula.reach > formula.largest:
        return f"{now}, and from {formula.reach:.3g} at the latest it gives {formula.breaks}, where the stable formula is finite"
    if formula.breaks:
        return f"{now}, and rounding alone decides whether it gives {formula.breaks}"
    if _is_alarm(formula):
        return f"{now}, and its result is off by {formula.error:.1%}, measured against float64"
    return f"{now}; it is exact to {formula.error:.0e} and finite up to {formula.reach:.3g}, so this is only a note"


def _agreement(formula: Formula) -> str:
    return f" (tried here: it agrees with float64 to {formula.digits} digits)" if formula.digits else ""


@headroom.check(
    "ND309", "masked row", severity=WARNING,
    advice="give every row one key to look at, or set its output to 0; scaled_dot_product_attention with a boolean mask gives 0 for it",
)  # fmt: skip
def masked_row(result: Headroom) -> Iterator[Seen]:
    """Attention rows whose every key is masked with a large finite number, and that reach the loss.

    In a library it is only noted: padding on the left is one, of which each sample's first token is predicted.
    """
    _demand(result)
    if result.masked_not_checked:
        raise NotChecked(result.masked_not_checked)
    for masked in result.masked:
        if masked.used:
            yield Seen(
                f"in {masked.masked:,} of {masked.rows:,} rows all {masked.keys} keys are masked with {masked.score:.3g}, which is the same for "
                f"all: the softmax spreads over what should be hidden, and {masked.used:,} of these rows reach the loss",
                masked.location, {"masked": masked.masked, "used": masked.used, "rows": masked.rows}, None if masked.own else INFO,
            )  # fmt: skip


def _demand(result: Headroom) -> None:
    if result.not_checked:
        raise NotChecked(result.not_checked)

"""The checks of the first NaN: a code for each phase that it can be born in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.find_nan import wording
from nbdebug.instruments.find_nan.advice import advice
from nbdebug.instruments.find_nan.instrument import find_nan
from nbdebug.instruments.find_nan.result import FindNan
from nbdebug.nonfinite.origin import Origin


@find_nan.check("ND101", "non-finite data", severity=ERROR, advice="drop or fill this sample where the dataset is made")
def data_nonfinite(result: FindNan) -> Iterator[Seen]:
    """NaN or Inf that came with the batch and ended the training; the page is that of data_audit."""
    if origin := _ended_by(result, "ND101"):
        said = f"{wording.word(origin)} at {origin.detail} ended {wording.training(origin)}{wording.of_how_many(origin)}"
        yield Seen(said, replace(origin.location, detail=origin.detail), wording.evidence(result, origin))


@find_nan.check(
    "ND308", "NaN or Inf born in the forward pass", severity=ERROR, advice="look at what went into this operator, in the table below"
)  # fmt: skip
def activation_nonfinite(result: FindNan) -> Iterator[Seen]:
    """An operator of the model or of the loss whose inputs are finite, and whose result is NaN or infinite.

    Wrong: a single NaN makes the loss NaN, and after one more step every weight. An infinity is often worse: it turns into NaN
        only later, far from its source.
    Seen: the training goes on until the loss or a gradient is not finite. Then that very step is repeated, from the same weights and
        random numbers, operator by operator, and the bad value is followed back to the first operator that gave it from finite inputs.
        Infinities that do no harm, such as a mask of -inf, are not meant.
    Where: the operator, the module and your line.
    Try: what fits the operator: an eps beside the divisor, clamp before the log, log_softmax, softmax in place of exp by hand.
    Bad:
        class Shares(nn.Module):
            def forward(self, x):
                return x / x.sum(1, keepdim=True)
        inputs.abs_()
        inputs[70] = 0.0
        model = nn.Sequential(Shares(), nn.Linear(64, 10))
    Good:
        class Shares(nn.Module):
            def forward(self, x):
                return x / x.sum(1, keepdim=True).clamp(min=1e-6)
        inputs.abs_()
        inputs[70] = 0.0
        model = nn.Sequential(Shares(), nn.Linear(64, 10))
    Source: IEEE 754; torch documentation, Numerical accuracy: extremal values.
    """
    if origin := _ended_by(result, "ND308"):
        yield _seen(result, origin)


@find_nan.check("ND309", "masked row", severity=ERROR, advice="let every row see one entry at least")
def row_masked(result: FindNan) -> Iterator[Seen]:
    """A softmax over a row in which everything is masked with -inf: 0 divided by 0.

    Wrong: attention over nothing but padding, or over a query that may see nobody, is NaN, and NaN spreads from there to every weight.
    Seen: the training stops being finite at a softmax (or what is built on one) whose row is -inf everywhere. A mask that
        leaves one entry in each row is not meant.
    Where: the operator and your line.
    Try: let each row see at least its own entry, or mask with the smallest finite number and zero the row afterwards.
    Bad:
        class Attends(nn.Module):
            def __init__(self):
                super().__init__()
                self.head = nn.Linear(64, 10)
            def forward(self, x):
                seen = x > 2.5
                return self.head(x * x.masked_fill(~seen, float("-inf")).softmax(1))
        model = Attends()
    Good:
        class Attends(nn.Module):
            def __init__(self):
                super().__init__()
                self.head = nn.Linear(64, 10)
            def forward(self, x):
                seen = (x > 2.5) | (x == x.amax(1, keepdim=True))
                return self.head(x * x.masked_fill(~seen, float("-inf")).softmax(1))
        model = Attends()
    Source: IEEE 754: 0 / 0 is NaN; torch documentation, scaled_dot_product_attention.
    """
    if origin := _ended_by(result, "ND309"):
        yield _seen(result, origin)


@find_nan.check(
    "ND504", "NaN or Inf born in the backward pass", severity=ERROR, advice="look at the derivative of this operator at the values below"
)  # fmt: skip
def gradient_nonfinite(result: FindNan) -> Iterator[Seen]:
    """A derivative that is not finite, though the loss is.

    Wrong: the loss looks well, and after the step the weights are NaN. A where() that chooses another value does not help: the
        derivative of what was not chosen is 0 times infinity.
    Seen: the loss is finite and a gradient is not. The step is repeated, and the backward pass followed node by node to the first whose
        gradient is bad; it is named by the forward operator that it is the derivative of. Under a GradScaler only what is still
        not finite at scale 1 counts.
    Where: the forward operator, its module and your line.
    Try: an eps inside of the root; choose a safe value before the operator, and not only after it.
    Bad:
        class Scale(nn.Module):
            def __init__(self):
                super().__init__()
                self.variance = nn.Parameter(torch.zeros(64))
            def forward(self, x):
                return x * self.variance.sqrt()
        model = nn.Sequential(Scale(), nn.Linear(64, 10))
    Good:
        class Scale(nn.Module):
            def __init__(self):
                super().__init__()
                self.variance = nn.Parameter(torch.zeros(64))
            def forward(self, x):
                return x * F.softplus(self.variance).sqrt()
        model = nn.Sequential(Scale(), nn.Linear(64, 10))
    Source: torch documentation, Autograd mechanics: gradients for non-differentiable functions.
    """
    if origin := _ended_by(result, "ND504"):
        yield _seen(result, origin)


@find_nan.check("ND709", "update not finite", severity=ERROR, advice="look at the quantities of that optimizer's step")
def update_nonfinite(result: FindNan) -> Iterator[Seen]:
    """A weight, or the state of an optimizer, that stops being finite in the update; the page is that of watch."""
    if origin := _ended_by(result, "ND709"):
        remedy = f"; {origin.remedy}" if origin.remedy else ""
        yield Seen(
            f"in {wording.training(origin)} the update of `{origin.parameter}` gave {wording.word(origin)}, though loss and gradients "
            f"were finite: {origin.detail or result.unexplained}{wording.met(origin)}{remedy}",
            replace(origin.location, detail=origin.detail), wording.evidence(result, origin), advice=advice(origin),
        )  # fmt: skip


@find_nan.check("ND807", "low-precision range", severity=ERROR, advice="this part in float32, or bfloat16 throughout")
def range_left(result: FindNan) -> Iterator[Seen]:
    """Values that a half-precision format cannot hold: too large for float16, or so small that they become zero.

    Wrong: float16 ends at 65504, and below 6e-8 it has only zero; bfloat16 keeps 8 bits, so that a weight plus a small update is that
        weight again. What leaves the range becomes infinite and then NaN; what vanishes is not learnt.
    Seen: by experiment. What is not finite is computed again in float32, the operator alone and the whole step: only what is finite
        there is the format's doing. Where all stays finite, the last step is compared with the same step in float32: a warning comes only
        when 99 % of a gradient that matters is zero and is not there, or when nine tenths of the update of weights that are half
        themselves are rounded away. A step that a GradScaler skips to find its scale is normal.
    Where: the operator, module and line of what overflows; the parameter of what vanishes.
    Try: autocast switched off around that line, a GradScaler for what vanishes, or bfloat16, whose range is that of float32.
    Bad:
        class Energy(nn.Module):
            def forward(self, x):
                return x * (300 * x).half().square().float() / 9e4
        model = nn.Sequential(Energy(), nn.Linear(64, 10))
    Good:
        class Energy(nn.Module):
            def forward(self, x):
                return x * (300 * x).bfloat16().square().float() / 9e4
        model = nn.Sequential(Energy(), nn.Linear(64, 10))
    Source: Micikevicius et al., Mixed Precision Training, 2018; torch documentation, torch.finfo.
    """
    if origin := _ended_by(result, "ND807"):
        yield _seen(result, origin)
    for lost in result.vanishing[:1]:
        more = f" (and of {len(result.vanishing) - 1} more parameters)" if len(result.vanishing) > 1 else ""
        fate = "becomes zero" if lost.what == "gradient" else "is rounded away"
        yield Seen(
            f"{lost.lost:.1%} of the {lost.what} of `{lost.parameter}`{more} {fate} in {lost.dtype}; in float32 the same step keeps it "
            f"(up to {lost.largest:.2g})",
            Location(parameter=lost.parameter, detail=lost.what), {"lost": lost.lost, "largest": lost.largest, "dtype": lost.dtype},
            severity=WARNING, advice=wording.against_vanishing(lost.what),
        )  # fmt: skip
    if result.skipped and result.origin is None:
        count = f"{len(result.skipped)} of {result.steps} steps" if len(result.skipped) > 1 else "one step"
        yield Seen(
            f"the GradScaler skipped {count} to find its scale: at scale 1 their gradients are finite, so that this is normal",
            Location(detail="GradScaler"), {"skipped": len(result.skipped)}, severity=INFO,
            advice="nothing: a scale that is too large is lowered",
        )  # fmt: skip


# -- whose it is -------------------------------------------------------------------------------------------------------


def code_of(origin: Origin) -> str:
    """The code that this origin gets."""
    if origin.phase in ("data", "optimizer"):
        return "ND101" if origin.phase == "data" else "ND709"
    special = {"masked row": "ND309", "low precision": "ND807"}.get(origin.cause)
    return special or ("ND504" if origin.phase == "backward" else "ND308")


def _ended_by(result: FindNan, code: str) -> Origin | None:
    """The origin, when it has this code; None when all was finite."""
    origin = result.origin
    if origin is None and not result.steps:
        raise NotChecked("no step was trained")
    if origin is not None and code_of(origin) != code:
        raise NotChecked(f"training step {origin.step} ended with {code_of(origin)}, and none came after it")
    return origin


def _seen(result: FindNan, origin: Origin) -> Seen:
    return Seen(wording.message(result, origin), origin.location, wording.evidence(result, origin), advice=advice(origin))

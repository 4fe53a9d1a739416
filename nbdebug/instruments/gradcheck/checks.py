"""Whether the backward pass tells the truth about the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.gradcheck.cuts import ARRIVES_NOT
from nbdebug.instruments.gradcheck.instrument import gradcheck
from nbdebug.instruments.gradcheck.result import (
    BY_DESIGN,
    NOT_CHECKED,
    SOUND,
    STOPPED,
    WRONG,
    FunctionRow,
    GradCheck,
    GradientRow,
    HookRow,
)

SLIGHT = 5e-3  # relative; a gradient that is off by less still points the right way, an approximation perhaps; our choice
MOST_NAMED = 3  # parameters in one sentence


@gradcheck.check(
    "ND505", "backward is not the derivative", severity=ERROR,
    advice="derive the backward again by hand, or leave it out: torch differentiates the forward by itself",
)  # fmt: skip
def backward_wrong(found: GradCheck) -> Iterator[Seen]:
    """The gradient that backward gives is not the derivative of the loss.

    Wrong: the optimizer follows something that is not downhill; the training runs, and learns slowly, badly or not at all.
    Seen: in double precision, with random numbers and batch statistics held fixed, the loss is measured a small step to both
        sides of the weights, along the gradient and along random directions. Backward and measurement differ by more than
        1e-4 (our choice: sound layers stay below 1e-6), also a little beside this point, where no kink is. `detach`,
        `no_grad`, straight-through estimators, reversal and clipping of gradients, and a backward with an input of its own
        (feedback alignment) are by design and not accused. A parameter all of whose ways to the loss are cut in this manner,
        though the loss does change with it, is noted.
    Where: the line of the backward, the hook or the hidden write that is to blame; if there is none, the parameter.
    Try: derive the backward again by hand, or leave the custom Function out: torch differentiates its forward by itself.
    Bad:
        class Square(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, grad_output):
                (x,) = ctx.saved_tensors
                return grad_output * x

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

            def forward(self, x):
                return self.head(Square.apply(self.first(x)))

        model = Net()
    Good:
        class Square(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, grad_output):
                (x,) = ctx.saved_tensors
                return 2 * grad_output * x

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

            def forward(self, x):
                return self.head(Square.apply(self.first(x)))

        model = Net()
    Source: Farrell, Ham, Funke, Rognes, Automated derivation of the adjoint of high-level transient finite element
        programs, 2013 (Taylor remainders); torch documentation, gradcheck mechanics.
    """
    _demand_measured(found)
    for function in found.functions:
        if (seen := _of_function(function)) is not None:
            yield seen
    for damage in found.damages:
        yield Seen(
            f"`{damage.written_text or 'a write'}` changes values that `{damage.saved_text}` had saved for its backward; with the values "
            f"as they were the gradient of {_names(damage.behind)} is right",
            damage.written_at or damage.saved_at,
            {"gradients": len(damage.behind)},
            severity=ERROR if any(row.name in damage.behind for row in found.rows if row.kind == "parameter") else INFO,
            advice="do not write through .data or numpy into what the forward computed: make a new tensor",
        )
    for hook in found.hooks:
        yield _of_hook(hook)
    unexplained = [row for row in found.rows if row.verdict == WRONG and not row.reason]
    if unexplained:
        yield _of_rows(unexplained)
    yield from _of_stopped([row for row in found.rows if row.verdict == STOPPED and row.kind == "parameter"])


def _of_function(function: FunctionRow) -> Seen | None:
    place = replace(function.at, operator=f"{function.name}.backward", detail=f"input `{function.argument}`")
    evidence = {"relative_error": function.error, "input": function.position}
    if function.verdict == WRONG:
        slight = max(function.error, function.largest_error) < SLIGHT
        return Seen(
            f"the gradient that `{function.name}.backward` returns for its input `{function.argument}` is off by {function.error:.2g} "
            f"relative to what its forward does: {function.reason}{_reaching(function.behind)}",
            place, evidence, severity=WARNING if slight else ERROR,
        )  # fmt: skip
    if function.verdict == BY_DESIGN:
        return Seen(
            f"`{function.name}.backward` does not give the derivative of its forward for `{function.argument}`, "
            f"by design as it seems: {function.reason}",
            place, evidence, severity=INFO, advice="nothing, if that is what you want",
        )  # fmt: skip
    if function.verdict == SOUND and function.reason:
        return Seen(
            f"`{function.name}.backward` for `{function.argument}` is {function.reason}",
            place, evidence, severity=INFO, advice="multiply by grad_output: a loss that is weighted or scaled needs it",
        )  # fmt: skip
    return None


def _of_hook(hook: HookRow) -> Seen:
    on = f"on `{hook.place}`" if hook.place else "on a tensor in the forward"
    what = f"multiplies the gradient by {hook.factor:.4g}" if hook.factor is not None else "changes the gradient"
    deliberate = hook.verdict == BY_DESIGN
    return Seen(
        f"the hook `{hook.name}` {on} {what}: without it the gradient of {_names(hook.behind)} is right"
        + (", so it masks, clips or turns gradients on purpose" if deliberate else ""),
        replace(hook.at, module=hook.place, detail=f"hook {hook.name}"),
        {"factor": hook.factor},
        severity=INFO if deliberate else WARNING,
        advice="nothing, if that is what you want" if deliberate else "if it is meant, use a parameter group with its own learning rate instead",
    )


def _of_rows(rows: list[GradientRow]) -> Seen:
    """Named is the last in the order of the model: an error spreads from where it is made towards the input."""
    parameters = [row for row in rows if row.kind == "parameter"]
    row = (parameters or rows)[-1]
    slope = "" if row.slope is None else f" (Taylor's remainder falls with slope {row.slope:.1f}, a right gradient has 2)"
    others = f"; {len(rows) - 1} more are wrong, earlier in the model" if len(rows) > 1 else ""
    place = Location(module=row.name.rpartition(".")[0], parameter=row.name) if parameters else Location(detail=row.name)
    return Seen(
        f"backward gives `{row.name}` a derivative of {_number(row.analytic)} where the loss has {_number(row.numeric)}"
        f"{slope}{_element(row)}{others}; no Function, hook or hidden write of yours explains it",
        place,
        {"relative_error": row.error, "slope": row.slope, "analytic": row.analytic, "numeric": row.numeric, "wrong": len(rows)},
        severity=ERROR if parameters and (row.error or 0.0) >= SLIGHT else WARNING,
        advice="look at the operations between this parameter and the next: compiled extensions, custom operators, values written in place",
    )


def _of_stopped(rows: list[GradientRow]) -> Iterator[Seen]:
    """One note for all that is cut at the same places: to stop gradients is legal."""
    for reason in dict.fromkeys(row.reason for row in rows):
        behind = [row for row in rows if row.reason == reason]
        most, moved = max((abs(row.unheld or 0.0), row.moved or 0.0) for row in behind)
        one = len(behind) == 1
        yield Seen(
            f"{_names(tuple(row.name for row in behind))} {'is' if one else 'are'} not differentiated, by design or by mistake: "
            f"{reason.removeprefix(ARRIVES_NOT)}; the loss changes with {'it by' if one else 'them by up to'} {most:.2g} "
            f"(moved by {100 * moved:.0f} %) when nothing is held",
            behind[0].stopped_at or Location(parameter=behind[0].name),
            {"parameters": len(behind), "loss_change": most},
            severity=INFO,
            advice="nothing, if the gradient is meant to stop there; `%nbdebug first_step` judges it: ND501",
        )


def _demand_measured(found: GradCheck) -> None:
    if found.not_checked:
        raise NotChecked(found.not_checked)
    if found.rows and all(row.verdict == NOT_CHECKED for row in found.rows) and not found.functions:
        raise NotChecked(f"no gradient could be measured: {found.rows[0].reason}")


def _element(row: GradientRow) -> str:
    if row.element is None or row.element_numeric is None or row.element_analytic is None:
        return ""
    return f", worst at [{', '.join(map(str, row.element))}]: {row.element_analytic:.4g} instead of {row.element_numeric:.4g}"


def _reaching(names: tuple[str, ...] | None) -> str:
    return f". Behind it lies {_names(names)}" if names else ""


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(f"`{name}`" for name in names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"

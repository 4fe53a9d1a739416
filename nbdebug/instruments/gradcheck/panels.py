"""How a gradient check is laid out: errors by parameter, Taylor's remainders, and what was found where."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nbdebug.instruments.gradcheck.result import WRONG
from nbdebug.page import Curve, Heatmap, Note, Panel, Table

if TYPE_CHECKING:
    from nbdebug.instruments.gradcheck.result import GradCheck, GradientRow

DECADES = tuple(range(-12, 1))  # of the relative error
ABOVE = 4.0  # how far over the curves the two guides begin
MOST_CURVES = 3  # besides the two guides: five lines are told apart by colour and dash
MOST_BARS = 40  # rows of the bar chart; the table has all
NOT_SOUND_FIRST = ("wrong", "by design", "kink", "not checked", "no gradient", "no effect", "sound")


def panels(found: GradCheck) -> tuple[Panel, ...]:
    """Bars, curves, tables, in the order in which one reads them."""
    measured = [row for row in found.rows if row.error is not None]
    shown: list[Panel] = [_errors(measured)] if measured else []
    drawn = [row for row in measured if len(row.steps) > 2 and any(r > 0 for r in row.remainders)]
    if drawn:
        shown.append(_taylor(drawn))
    if found.rows:
        shown.append(_rows(found.rows))
    if found.functions:
        shown.append(_functions(found))
    if found.hooks:
        shown.append(_hooks(found))
    if found.loss is not None:
        shown.append(_how(found))
    return tuple(shown)


def _errors(rows: list[GradientRow]) -> Heatmap:
    """A bar for each parameter, from 1e-12 up to its error."""
    chosen = rows if len(rows) <= MOST_BARS else sorted(rows, key=lambda row: -(row.error or 0.0))[:MOST_BARS]
    bars = tuple(tuple(1.0 + decade - DECADES[0] if _reaches(row, decade) else 0.0 for decade in DECADES) for row in chosen)
    few = "" if len(rows) <= MOST_BARS else f"; the worst {MOST_BARS} of {len(rows)}"
    return Heatmap(
        "error of the gradient by parameter",
        tuple(row.name for row in chosen),
        tuple(f"1e{decade}" if decade else "1" for decade in DECADES),
        bars,
        x_label="relative difference between loss and backward, up to",
        unit="decades above 1e-12",
        caption=f"a bar that ends left of 1e-4 is a right gradient{few}",
    )


def _reaches(row: GradientRow, decade: int) -> bool:
    """The first cell of a bar is always filled, so that an error of zero is seen as one."""
    return decade == DECADES[0] or (row.error or 0.0) >= 10.0**decade


def _taylor(rows: list[GradientRow]) -> Curve:
    places = sorted({step for row in rows for step in row.steps})
    full = [row for row in rows if len(row.steps) == max(len(r.steps) for r in rows)]
    full = sorted(full, key=lambda row: (row.verdict != WRONG, -(row.error or 0.0)))[:MOST_CURVES]
    series = {f"{row.name} ({row.verdict})": tuple(r if r > 0 else math.nan for r in row.remainders) for row in full}
    own_x = {f"{row.name} ({row.verdict})": tuple(map(math.log10, row.steps)) for row in full}
    highest = max(r for row in full for r in row.remainders if math.isfinite(r))
    for name, power in (("falls as h", 1), ("falls as h²", 2)):
        series[name] = tuple(ABOVE * highest * (step / places[-1]) ** power for step in places)
        own_x[name] = tuple(map(math.log10, places))
    return Curve(
        "what is left of the loss after its first-order prediction",
        series,
        own_x=own_x,
        x_label="log10 of the step, relative to the weights",
        y_label="|f(h) − f(0) − h·g·v|",
        log_y=True,
        caption="a right gradient falls as h² until it meets the rounding of the loss, a wrong one as h",
    )


def _rows(rows: tuple[GradientRow, ...]) -> Table:
    ordered = sorted(rows, key=lambda row: NOT_SOUND_FIRST.index(row.verdict))
    return Table(
        "gradients",
        ("parameter or input", "shape", "verdict", "relative error", "slope", "from backward", "measured", "because"),
        tuple(
            (row.name, str(row.shape), row.verdict, row.error, row.slope, row.analytic, row.numeric, row.reason + _element(row))
            for row in ordered
        ),
        caption="derivatives are along the direction in which they differ most, in loss units per relative step",
    )


def _element(row: GradientRow) -> str:
    if row.element is None or row.element_numeric is None or row.element_analytic is None:
        return ""
    place = ", ".join(map(str, row.element))
    return f"{'; ' if row.reason else ''}at [{place}] backward says {row.element_analytic:.4g}, measured {row.element_numeric:.4g}"


def _functions(found: GradCheck) -> Table:
    return Table(
        "autograd Functions, each on its own",
        ("Function", "input", "verdict", "relative error", "backward", "because"),
        tuple((f.name, f.argument, f.verdict, f.error, str(f.at), f.reason) for f in found.functions),
    )


def _hooks(found: GradCheck) -> Table:
    return Table(
        "gradient hooks that change something",
        ("hook", "on", "factor", "verdict", "line"),
        tuple((h.name, h.place or "a tensor in the forward", h.factor, h.verdict, str(h.at)) for h in found.hooks),
    )


def _how(found: GradCheck) -> Note:
    part = "" if found.samples is None else f", on {found.samples} of {found.of_samples} samples of a batch"
    precision = "double precision" if found.double else f"the training's own precision ({found.precision_note})"
    return Note(
        "how it was measured",
        f"Loss {found.loss:.6g}{part}, in {precision}; {found.evaluations} evaluations for {len(found.rows)} of {found.planned} "
        "parameters and inputs. "
        "Random numbers, batch statistics, and all that backward takes for a constant were held fixed.",
    )

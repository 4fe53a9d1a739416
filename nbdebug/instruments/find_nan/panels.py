"""The search for a NaN as panels: the loss until then, the way of the bad value, what met at its birth, the last healthy values."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nbdebug.findings import Location
from nbdebug.instruments.find_nan.result import FindNan
from nbdebug.nonfinite.origin import Link, Origin, Values
from nbdebug.page import Curve, Note, Panel, Table


def panels(result: FindNan) -> tuple[Panel, ...]:
    """All panels of a search."""
    found: list[Panel] = [*_curves(result)]
    if result.origin is not None:
        if result.origin.chain:
            found.append(_way(result.origin))
            found.append(_met(result.origin.chain[0], result.origin.cause))
        if result.weights_before:
            found.append(_table("the last healthy values", result.weights_before, f"before training step {result.origin.step}"))
    if result.vanishing:
        rows = tuple((v.parameter, v.what, v.dtype, v.lost, v.largest) for v in result.vanishing)
        found.append(Table("lost in half precision", ("parameter", "what", "format", "share that is zero", "largest in float32"), rows))
    if notes := [*result.notes, *([result.unexplained] if result.unexplained else [])]:
        found.append(Note("how it was trained", ". ".join(notes)))
    return tuple(found)


def _curves(result: FindNan) -> Iterable[Panel]:
    if not any(map(math.isfinite, result.losses)):
        return
    last = result.steps + len(result.skipped) if result.origin is None else result.origin.step + 1
    x = tuple(float(min(i * result.every, max(0, last - 1))) for i in range(len(result.losses)))
    yield Curve(
        "the loss until then" if result.origin is not None else "the loss", {"loss": result.losses}, x,
        y_label="loss", caption=_caption(result),
    )  # fmt: skip
    known = [(at, norm) for at, norm in zip(x, result.gradient_norms, strict=False) if norm is not None]  # no backward pass, no norm
    if any(norm == norm for _, norm in known):
        at, norms = zip(*known, strict=True)
        yield Curve("the gradient's norm", {"gradient": norms}, at, y_label="norm", log_y=all(not norm <= 0 for norm in norms))


def _caption(result: FindNan) -> str:
    said = [] if result.origin is None else [f"training step {result.origin.step} was not finite"]
    if result.skipped:
        said.append(f"the GradScaler skipped {len(result.skipped)} steps to find its scale, which is normal")
    return "; ".join(said)


def _way(origin: Origin) -> Table:
    columns = ("", "phase", "where", "line", "operator", "module", "became")
    rows = [
        (number, link.phase, _place(link), link.text, link.operator, link.module, link.became)
        for number, link in enumerate(origin.chain, 1)
    ]  # fmt: skip
    told = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    shown = tuple(tuple(row[place] for place in told) for row in rows)
    return Table("the way of the bad value", tuple(columns[place] for place in told), shown, "from its birth to where it was noticed")


def _place(link: Link) -> str:
    return str(Location(file=link.file, line=link.line, cell=link.cell))


def _met(birth: Link, cause: str) -> Table:
    values = [*birth.inputs, *([birth.output] if birth.output is not None else [])]
    outside = "what the step began with" if cause == "weights" else "what came with the batch"
    return _table(f"what met at {birth.operator}" if birth.operator else outside, values, birth.text)


def _table(title: str, values: Iterable[Values], caption: str) -> Table:
    columns = ("", "shape", "dtype", "min", "mean", "max", "NaN", "+Inf", "-Inf")
    rows = tuple(
        (v.name, _shape(v), v.dtype, v.minimum, v.mean, v.maximum, v.nan, v.positive_inf, v.negative_inf) for v in values
    )  # fmt: skip
    return Table(title, columns, rows, caption)


def _shape(values: Values) -> str:
    return " × ".join(map(str, values.shape)) or "one number"

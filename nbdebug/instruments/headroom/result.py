"""What was seen of the operators with an edge, and how it is laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.nonfinite.headroom.masked_rows import MaskedRows
from nbdebug.nonfinite.headroom.sites import Site
from nbdebug.nonfinite.headroom.stretching import Formula
from nbdebug.page import Curve, Panel, Table

SHOWN = 20  # sites in the table, the nearest to their edge first
CURVES = 4  # of them, over the rehearsed steps


@dataclass(frozen=True)
class Headroom:
    """How near a training comes to what has no finite value or derivative."""

    loss: float | None  # of the first batch
    batches: int
    operators: int  # calls with an edge on the way to the loss, in one step; most of them nothing can bring there
    sites: tuple[Site, ...] = ()  # those that something can
    formulas: tuple[Formula, ...] = ()
    masked: tuple[MaskedRows, ...] = ()
    losses: tuple[float, ...] = ()  # of the rehearsed steps
    steps_ahead: int = 0  # updates rehearsed
    broke: int | None = None  # number of the batch whose loss was not finite
    batches_in_all: int | None = None  # of one pass over the loader
    not_rehearsed: str = ""
    masked_not_checked: str = ""
    not_checked: str = ""

    def panels(self) -> tuple[Panel, ...]:
        """The sites nearest to their edge, their course over the rehearsed steps, formulas and masked rows."""
        panels: list[Panel] = []
        if self.sites:
            panels.append(_site_table(self))
            if (course := _course(self)) is not None:
                panels.append(course)
        if self.formulas:
            panels.append(_formula_table(self.formulas))
        if self.masked:
            panels.append(_masked_table(self.masked))
        return tuple(panels)


def closeness(site: Site) -> float:
    """Headroom in units of what is usual there; the smaller, the nearer."""
    unit = abs(site.typical) if site.side in ("off", "above") else abs(site.edge)
    return site.nearest / unit if unit and math.isfinite(unit) else site.nearest


def _site_table(result: Headroom) -> Table:
    rows = tuple(
        (
            f"{site.operator}  {place(site.location)}", site.location.module, edge(site), site.lowest, site.highest, site.nearest, site.typical,
            min((e.nearest for e in site.rehearsed), default=None),
        )
        for site in sorted(result.sites, key=closeness)[:SHOWN]
    )  # fmt: skip
    columns = ("operator", "module", "defined", "lowest", "highest", "headroom", "usually", "rehearsed")
    caption = f"over {result.batches} batches; then the least headroom in {result.steps_ahead} rehearsed steps"
    return Table("operators nearest to their edge", columns, rows, caption)


def edge(site: Site) -> str:
    """Where the operator is defined, in a few signs."""
    number = f"{site.edge:.4g}"
    return {"above": f"> {number}", "below": f"< {number}", "off": f"≠ {number}", "within": f"-{number} … {number}"}[site.side]


def place(where: Location) -> str:
    """The line, in as few signs as a table has room for."""
    if where.line is None:
        return where.module
    return f"In[{where.cell}]:{where.line}" if where.cell is not None else f"{where.file.rpartition('/')[2]}:{where.line}"


def _course(result: Headroom) -> Curve | None:
    nearest = [s for s in sorted(result.sites, key=closeness) if len(s.rehearsed) > 1 and s.learns][:CURVES]
    if not nearest:
        return None
    series = {f"{s.operator} {place(s.location)}": tuple(e.nearest if e.nearest > 0 else math.nan for e in s.rehearsed) for s in nearest}
    x = tuple(float(n) for n in range(1, 1 + max(len(values) for values in series.values())))
    return Curve("headroom over the rehearsed steps", series, x, "update", "distance to the edge", log_y=True, caption="a line that ends has reached it")


def _formula_table(formulas: tuple[Formula, ...]) -> Table:
    rows = tuple(
        (f"{f.name}  {place(f.location)}", f.dtype, f.largest, f.reach, f.breaks or "finite", f.error, f.advice) for f in formulas
    )
    columns = ("formula", "dtype", "|x| up to", "tried up to", "becomes", "error now", "instead")
    return Table("formulas that a stable one exists for", columns, rows)


def _masked_table(masked: tuple[MaskedRows, ...]) -> Table:
    rows = tuple((f"{m.location.operator.rpartition('.')[2]}  {place(m.location)}", m.rows, m.masked, m.used, m.keys, m.score) for m in masked)
    return Table("attention rows with every key masked", ("operator", "rows", "all masked", "used by the loss", "keys", "score"), rows)

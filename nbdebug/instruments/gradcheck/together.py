"""Many leaves in one measurement: where the loss along all of them is right, each of them is.

Each gets about the same share in the sum, so that an error of one per cent in a single one is plain to see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from nbdebug.instruments.gradcheck.result import SOUND, GradientRow
from nbdebug.instruments.gradcheck.taylor import AGREES, LONGEST, Along, along, directions, inner, with_slope

if TYPE_CHECKING:
    from nbdebug.instruments.gradcheck.rows import Rows

SURE = 2e-3  # relative error that a leaf may still have when it was measured with others; our choice: a fifth of one per cent


@dataclass(frozen=True)
class Bundle:
    """One direction in the space of several leaves."""

    moves: dict[str, Tensor]
    shares: dict[str, float]  # size of each leaf's part of the derivative
    analytic: float
    scale: float


def sound_ones(rows: Rows, names: list[str]) -> dict[str, GradientRow]:
    """Those of the leaves that are surely sound."""
    gradients = {name: g for name in names if (g := rows.point.gradients[name]) is not None and 0 < float(g.abs().sum()) < math.inf}
    found: dict[str, GradientRow] = {}
    for kind in ("gradient", "random") if gradients else ():
        bundle = _bundle(rows, gradients, kind)
        loss, epsilon = rows.loss_along(rows.point, bundle.moves), rows.trial.epsilon
        seen = along(loss, rows.point.loss, bundle.analytic, bundle.scale, epsilon=epsilon)
        seen = with_slope(seen, loss, rows.point.loss, epsilon=epsilon)
        told = {name: row for name in bundle.shares if (row := _row(rows, name, seen, bundle)).error <= SURE}
        both = {name: max(found[name], told[name], key=lambda row: row.error) for name in found.keys() & told.keys()}
        found = told if kind == "gradient" else both
        if not found:
            break
    return found


def _bundle(rows: Rows, gradients: dict[str, Tensor], kind: str) -> Bundle:
    """The directions of all, lengthened or shortened until their parts are about alike."""
    trial = rows.trial
    every = {name: dict(directions(g, trial.base[name], trial.size(name), seed=1))[kind] for name, g in gradients.items()}
    sizes = {
        name: inner(g, every[name]) if kind == "gradient" else float(g.abs().square().sum().sqrt()) * trial.size(name)
        for name, g in gradients.items()
    }
    middle = sorted(sizes.values())[len(sizes) // 2]
    factors = {name: min(LONGEST, middle / size) for name, size in sizes.items() if size > 0}
    moves = {name: every[name] * factor for name, factor in factors.items()}
    shares = {name: sizes[name] * factor for name, factor in factors.items()}
    analytic = math.fsum(inner(gradients[name], move) for name, move in moves.items())
    return Bundle(moves, shares, analytic, sum(shares.values()) if kind == "gradient" else math.hypot(*shares.values()))


def _row(rows: Rows, name: str, seen: Along, bundle: Bundle) -> GradientRow:
    """The error that this leaf alone would need to have for the difference of all."""
    share, many = bundle.shares[name], len(bundle.shares)
    error = max(seen.error, AGREES / many) * seen.scale / share if share > 0 else math.inf
    kind = "input" if name in rows.trial.inputs else "parameter"
    reason = f"at most so wrong: measured together with {many - 1} others"
    return GradientRow(name, tuple(rows.trial.base[name].shape), kind, SOUND, reason, error=error, slope=seen.slope)

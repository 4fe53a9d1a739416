"""What a curve does: its levels, its noise, whether it fell, since when it stands or rises, how often it went up and away.

Everything is judged by medians against the curve's own noise, so that a few wild values decide nothing.
"""

from nbdebug.curve_shapes.excursion import SPIKE, Excursion, excursions, is_for_good, lost_since, thrown_back
from nbdebug.curve_shapes.origin import is_made_of
from nbdebug.curve_shapes.parting import AGREES, POINTS, RISING, Parting, levels_at, parting, turning_point
from nbdebug.curve_shapes.trend import (
    SURE,
    WINDOW,
    agreement,
    begin,
    change,
    end,
    error,
    fell,
    flat_since,
    is_telling,
    middle,
    noise,
    plateau_since,
    rose,
    smooth,
)

__all__ = [
    "AGREES", "POINTS", "RISING", "SPIKE", "SURE", "WINDOW", "Excursion", "Parting", "agreement", "begin", "change", "end", "error",
    "excursions", "fell", "flat_since", "is_for_good", "is_made_of", "is_telling", "levels_at", "lost_since", "middle", "noise", "parting",
    "plateau_since", "rose", "smooth", "thrown_back", "turning_point",
]  # fmt: skip

"""Whether a site with an edge is in danger, and why: by what happened first, by thresholds last."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdebug.instruments.headroom.result import Headroom
from nbdebug.nonfinite.headroom.sites import UNEVEN, Encounter, Site

FEW_UNITS = 1.5  # times the present exponents, where an exponential overflows: logits grow by more in any training; our choice
BRUSHED = 0.25  # headroom over the spread of what meets an edge that nothing guards; our choice, sound patients stay above 1.2
NEARLY_ZERO = 1e-6  # headroom over the usual one, of what cannot be negative: a row of zeros beside others; our choice
SMALLEST = {"float16": 2.0**-14, "float32": 2.0**-126, "bfloat16": 2.0**-126}  # normal numbers of each precision: below, digits go
NEARLY_ONE = 1e-5  # from 1, of a cosine: some hundred roundings of float32; our choice
THROUGH_ZERO = 1e-2  # the same of a denominator with both signs, by an operator not known here: of 100 normal ones the smallest is there
DOMINATED = 0.5  # share of a single element in the gradient of thousands; our choice
ENOUGH = 16  # elements, for what is usual to mean something
AHEAD = 3.0  # times the rehearsed steps, as far as a straight course is trusted; our choice
STRAIGHT = 0.9  # r² of a straight course
EMPTY_BATCHES = 0.5  # expected in ten passes over the data, where a count in the denominator may be zero; our choice
PASSES = 10
FEWEST_COUNTS = 4  # batches, to know how a count varies


def danger(site: Site, result: Headroom) -> str:
    """A sentence part that says what takes the site over its edge; "" when nothing is known to."""
    rules = (_now, _another_batch, _rehearsed, _both_signs, _brushed, _overflows, _nearly_zero, _dominated, _runs_out, _empty_batch)
    return next((said for rule in rules if (said := rule(site, result))), "")


def _now(site: Site, result: Headroom) -> str:
    if not (site.births and site.reaches_weights):
        return ""
    return f"{site.births:,} {_elements(site.births)} {_met(site)} the edge itself, where the derivative is not finite: a weight's gradient is NaN or Inf already"


def _another_batch(site: Site, result: Headroom) -> str:
    if result.broke is None or len(site.encounters) != result.broke + 1:
        return ""
    last, before = site.encounters[-1], site.encounters[:-1]
    if not _beyond(site, last) or any(_beyond(site, e) for e in before):
        return ""
    return (
        f"batch {result.broke} takes it to {_worst(site, last):.3g}, where it is not finite; in the {len(before)} before it the headroom was "
        f"{min(e.nearest for e in before):.3g}"
    )


def _rehearsed(site: Site, result: Headroom) -> str:
    if not site.learns or any(_beyond(site, e) or (site.side == "off" and e.both_signs) for e in site.encounters):
        return ""
    for number, e in enumerate(site.rehearsed, 1):
        broke = not all(math.isfinite(loss) for loss in result.losses[number - 1 : number + 1])  # a condition may choose another branch
        if (_beyond(site, e) and broke) or (site.side == "off" and _flipped(site, e)):
            return f"{_least(site)} now, and {number} {_updates(number)} of this training, rehearsed on copies, take it to {_worst(site, e):.3g}, over the edge"
    return ""


def _both_signs(site: Site, result: Headroom) -> str:
    if site.side != "off" or not site.learns or not site.flows or not any(e.both_signs for e in site.encounters):
        return ""
    near = THROUGH_ZERO * site.typical if site.guessed else BRUSHED * site.spread
    if sum(e.elements for e in site.encounters) < ENOUGH or not site.nearest < near:
        return ""
    return f"the denominator takes both signs, {site.lowest:.3g} to {site.highest:.3g}, and comes as near to 0 as {site.nearest:.2g}; nothing keeps it off"


def _brushed(site: Site, result: Headroom) -> str:
    """Headroom that is nothing beside how much the values differ among themselves; of a cosine, beside 1."""
    if site.side == "within" and site.learns and site.flows and 0 < site.nearest < NEARLY_ONE:
        return f"{_least(site)}, which rounding may carry it over, and nothing keeps it inside"
    if site.side not in ("above", "off") or any(e.both_signs for e in site.encounters if site.side == "off"):
        return ""
    open_end = site.low < site.edge < site.high and not site.positive and not site.guessed
    if not (open_end and site.learns and site.flows) or max(e.elements for e in site.encounters) < ENOUGH:
        return ""
    if not 0 < site.nearest < BRUSHED * site.spread:
        return ""
    return f"{_least(site)}, {site.nearest / site.spread:.2g} of the spread of what meets there ({site.spread:.3g}), and nothing keeps it off the edge"


def _overflows(site: Site, result: Headroom) -> str:
    if site.side != "below" or not site.learns:
        return ""
    highest = max(e.highest for e in (*site.encounters, *site.rehearsed))
    if not 0 < highest <= site.edge < FEW_UNITS * highest:
        return ""
    return f"its argument comes to {highest:.3g}, and {site.dtype} overflows from {site.edge:.4g} on; it grows with the weights"


def _nearly_zero(site: Site, result: Headroom) -> str:
    closed = site.side in ("off", "above") and site.low == site.edge and not site.positive
    least = max(NEARLY_ZERO * site.typical, SMALLEST.get(site.dtype, 0.0))
    if not (closed and site.flows) or site.elements < ENOUGH or not site.nearest <= least:
        return ""
    if site.nearest == 0 and (site.side == "above" or not site.learns):
        return ""  # it happens all the time, and loss and gradient are finite all the same
    return f"{_least(site)}, where {site.typical:.3g} is usual, and nothing keeps it off the edge"


def _dominated(site: Site, result: Headroom) -> str:
    if site.share is None or not site.flows or site.positive or site.side not in ("off", "above") or site.elements < ENOUGH:
        return ""
    if not (site.share > DOMINATED and 0 < site.nearest < site.typical / UNEVEN):
        return ""
    return (
        f"{_least(site)}, where {site.typical:.3g} is usual: there the derivative is so steep that one element makes {site.share:.0%} of the gradient"
    )


def _runs_out(site: Site, result: Headroom) -> str:
    """A straight course of the headroom over the rehearsed steps that ends at the edge."""
    indefinite = not site.guessed and (site.side in ("below", "within") or (site.low != site.edge and not site.positive))
    course = [e.nearest for e in site.rehearsed]
    if not (site.learns and site.flows and indefinite) or len(course) < ENOUGH or min(course) <= 0:
        return ""
    slope, end, fit = _line(course)
    if slope >= 0 or fit < STRAIGHT or not -end / slope <= AHEAD * len(course):
        return ""
    if _line([math.log(nearest) for nearest in course])[2] > fit:  # it falls by a share each time, as what stays positive does
        return ""
    return f"{_least(site)} now and {course[-1]:.3g} after {len(course)} rehearsed updates: at this pace the edge is reached after {len(course) - end / slope:.0f}"


def _empty_batch(site: Site, result: Headroom) -> str:
    """A count in the denominator: how many batches will have none, if the counted ones come independently."""
    counts = [e.lowest for e in site.encounters]
    whole = all(e.elements == 1 and e.lowest == e.highest == round(e.lowest) for e in site.encounters)
    if site.side != "off" or site.learns or not whole or len(counts) < FEWEST_COUNTS or len(set(counts)) < 2 or min(counts) < 1:
        return ""
    mean = math.fsum(counts) / len(counts)
    expected = PASSES * (result.batches_in_all or result.batches) * math.exp(-mean)
    if expected < EMPTY_BATCHES or min(counts) > 3:
        return ""
    return (
        f"the denominator is a count of {min(counts):.0f} to {max(counts):.0f} a batch, {mean:.2g} on average: in {PASSES} passes "
        f"{expected:.0f} batches will have none, and give 0/0"
    )


# -- numbers of a site --------------------------------------------------------------------------------------------


def _beyond(site: Site, e: Encounter) -> bool:
    return e.nearest < 0 or (e.nearest == 0 and not site.steep) or (e.nearest == 0 and site.steep and site.flows and site.learns)


def _flipped(site: Site, e: Encounter) -> bool:
    first = site.encounters[0]
    return e.both_signs or (first.lowest > 0) != (e.lowest > 0)


def _worst(site: Site, e: Encounter) -> float:
    """The value that is nearest to the edge, or furthest beyond it."""
    if site.side == "below":
        return e.highest
    if site.side == "within":
        return max(e.lowest, e.highest, key=abs)
    return e.lowest if site.side == "above" or site.encounters[0].lowest > 0 else e.highest


def _least(site: Site) -> str:
    if site.side == "off":
        return f"its denominator comes within {site.nearest:.3g} of 0"
    if site.side == "within":
        return f"its argument comes within {site.nearest:.3g} of ±{site.edge:g}"
    if site.side == "below":
        return f"its argument comes to {site.highest:.3g} (it overflows from {site.edge:.4g} on)"
    return f"its argument comes down to {site.lowest:.3g} (it is defined above {site.edge:g})"


def _updates(count: int) -> str:
    return "update" if count == 1 else "updates"


def _elements(count: int) -> str:
    return "element" if count == 1 else "elements"


def _met(site: Site) -> str:
    return "meets" if site.births == 1 else "meet"


def _line(course: Sequence[float]) -> tuple[float, float, float]:
    """Slope, value at the end and r² of the straight line through a course."""
    count = len(course)
    middle, mean = (count - 1) / 2, math.fsum(course) / count
    across = math.fsum((i - middle) ** 2 for i in range(count))
    up = math.fsum((y - mean) ** 2 for y in course)
    both = math.fsum((i - middle) * (y - mean) for i, y in enumerate(course))
    slope = both / across
    return slope, mean + slope * (count - 1 - middle), both * both / (across * up) if up else 0.0

"""Were columns cast to integers that are too small for them, long before the loader?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.features import FeatureLook, place
from nbdebug.data.features.wrapped import BYTE, WrappedColumn
from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook
from nbdebug.lines.cast import casts_to, line_that_casts
from nbdebug.source_lines import location_fields

BYTES, WORDS = ("int8", "uint8", "Int8", "UInt8", "i1", "u1"), ("int16", "uint16", "short", "Int16", "UInt16", "i2", "u2")


@data_audit.check("ND111", "integer wrap", severity=WARNING, advice="cast to int32 or float32, or by pandas.to_numeric(column, downcast='integer'), which looks at the values")
def columns_wrapped(look: DataLook) -> Iterator[Seen]:
    """Signals that are smooth only when the circle of their integers is cut open elsewhere; columns that fill all numbers of 16 bits, and in which the target goes on from the one end to the other, or goes around them several times where the text casts to so few bits; the page is that of the integers heard in a loader."""
    told = list(_computed(look)) or list(_around(look))
    yield from told  # the columns of what is told already went round with it
    asked: FeatureLook = look.answer("features")
    for found in asked.wrapped if not told else ():
        kinds = BYTES if found.circle == BYTE else WORDS
        if not found.certain and not (found.turns and casts_to(*kinds)):
            continue
        line = line_that_casts(*kinds, circle=found.circle)
        where = Location(detail=f"{asked.split} {place(found.field, found.column)}", **location_fields(line))
        evidence = {
            "by_value": found.by_value, "unwrapped": found.unwrapped, "low": found.low, "high": found.high, "turns": found.turns, "along": found.along,
            "split": asked.split,
        }  # fmt: skip
        yield Seen(_filled(found), where, evidence)


def _filled(found: WrappedColumn) -> str:
    bits = f"{place(found.field, found.column)} fills the {found.circle:,} numbers of {8 if found.circle == BYTE else 16} bits from end to end, and wrapped round"
    if found.certain:
        return (
            f"{bits}: as it is it tells {found.by_value:.0%} of the target, and {found.unwrapped:.0%} when the circle is cut open elsewhere, and its low end put behind its high one"
        )
    return (
        f"{bits} again and again: as it is it tells {found.by_value:.0%} of the target, but what the other columns leave of the target goes {found.turns:.1f} times "
        f"around the circle of these numbers as it grows (mean resultant length {found.along:.2f}), and the text casts to so few bits"
    )


def _computed(look: DataLook) -> Iterator[Seen]:
    for found in look.answer("structure").computed:
        kind = "a cast" if found.cast else "arithmetic"
        within = f" in {found.function}()" if found.function else ""
        message = (
            f"{kind} wrapped round in {found.dtype}{within}, before there was a loader: {found.example} in `{found.text}`, as did {found.share:.1%} of the values; "
            f"what it gives goes into {found.reaches}"
        )
        where = Location(detail=f"{found.reaches}, {found.line.text}", **location_fields(found.line))
        advice = "compute in float32 or a wider integer, clip to the range, and cast last"
        yield Seen(message, where, {"share": found.share, "dtype": found.dtype}, advice=advice)


def _around(look: DataLook) -> Iterator[Seen]:
    for found in look.answer("structure").around:
        message = (
            f"{found.field} wrapped round in {8 if found.circle == 256 else 16} bits: {found.jumps:.1%} of neighbours lie more than half of {found.circle:,} steps apart, as {found.one:,} and {found.other:,}, "
            f"{found.apart:,.4g} steps in the mean; where the circle of these numbers is cut open elsewhere, and the one end put behind the other, {found.opened:,.3g}"
        )
        line = line_that_casts(*BYTES if found.circle == 256 else WORDS)
        where = Location(detail=f"{found.split} {found.field}" + (f", {line.text}" if line is not None else ""), **location_fields(line))
        evidence = {"jumps": found.jumps, "apart": found.apart, "opened": found.opened, "split": found.split}
        advice = "subtract, add and scale in float32 or a wider integer, clip to the range, and cast last"
        yield Seen(message, where, evidence, advice=advice)

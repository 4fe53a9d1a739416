"""The sizes as panels: the answer, the row, two curves, learning rates, accumulation."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nbdebug.crash.memory import said_bytes
from nbdebug.instruments.batch_size.rates import LIMITS, SOURCES
from nbdebug.instruments.batch_size.result import (
    NEARLY,
    NOT_TRIED,
    OUT_OF_MEMORY,
    Accumulated,
    BatchSizes,
    Rate,
    Size,
)
from nbdebug.page import Curve, Note, Panel, Table

MIB = 2**20


def panels(result: BatchSizes) -> Iterator[Panel]:
    """All panels of the sizes."""
    if not result.sizes:
        return
    yield Table("which batch?", ("what", "samples", "why"), tuple(_answers(result)), _limit(result))
    yield Table("sizes", ("samples", "memory of a step", "outcome", "ms a step", "noise", "samples a second"), tuple(map(_row, result.sizes)), _how(result))
    yield from _curves(result)
    if result.rates:
        columns = ("optimizer", "batch", "times", "learning rate now", "rule", "then")
        yield Table("the learning rate that goes with it", columns, tuple(map(_rate, result.rates)), f"{SOURCES} {LIMITS}")
        if calls := [rate.call for rate in result.rates if rate.call]:
            yield Note("the whole rule, to paste", "\n".join(calls), "code")
    if result.accumulated is not None:
        yield from _accumulation(result.accumulated)
    if result.notes:
        yield Note("worth knowing", "\n".join(f"- {note}" for note in result.notes))


def _answers(result: BatchSizes) -> Iterator[tuple[str | int | None, ...]]:
    largest, fastest, enough = result.largest, result.fastest, result.enough
    own = next((s for s in result.sizes if s.samples == result.own), None)
    if own is not None:
        yield ("yours", own.samples, f"{own.rate:,.0f} samples a second" if own.rate else own.outcome)
    if largest is not None:
        needs = f"{said_bytes(largest.needed or 0.0)}, measured"
        yield ("largest that fits" if result.bounded else "largest that was tried", largest.samples, f"{needs}; {result.ended}" if result.ended else needs)
    if fastest is not None:
        gain = _gain(fastest, own) if own is not None and own is not fastest and own.rate else ""
        yield ("fastest per sample", fastest.samples, f"{fastest.rate:,.0f} samples a second{gain}")
    if fastest is not None and enough is not None and enough is not fastest:
        yield (f"less than {NEARLY:.0%} slower, from", enough.samples, f"{enough.rate:,.0f} samples a second")


def _gain(fastest: Size, own: Size) -> str:
    times = f", {(fastest.rate or 0.0) / (own.rate or 1.0):.2f} times yours"
    apart = (fastest.high or 0.0) / fastest.samples < (own.low or 0.0) / own.samples
    return times if apart else times + ", which may be noise"


def _limit(result: BatchSizes) -> str:
    if result.limit is None:
        return result.limit_from
    return f"limit {said_bytes(result.limit)}: {result.limit_from}; {result.margin:.0%} of it stays free"


def _how(result: BatchSizes) -> str:
    said = (
        "forward, backward and update of one batch at its peak, as torch's allocator counts, and on the CPU what the process grew by beyond "
        f"that; {result.how}; loading is not in the seconds"
    )
    held = f"; weights, buffers and optimizer state alone hold {said_bytes(result.held)}" if result.held is not None else ""
    return f"{said}{held}; noise: half the width of the middle half of the repetitions"


def _row(size: Size) -> tuple[str | int | float | None, ...]:
    memory = None if size.needed is None else said_bytes(size.needed) + (" (foreseen)" if size.predicted else "")
    why = f"{size.outcome}: {size.why}" if size.why and size.outcome not in (OUT_OF_MEMORY, NOT_TRIED) else size.outcome
    if size.seconds is None:
        return (size.samples, memory, why, None, None, None)
    noise = f"± {((size.high or 0.0) - (size.low or 0.0)) / 2 / size.seconds:.0%} of {size.repeats}"
    return (size.samples, memory, why, round(1000 * size.seconds, 3), noise, round(size.rate or 0.0))


def _curves(result: BatchSizes) -> Iterator[Curve]:
    known = [s for s in result.sizes if s.needed is not None]
    if len(known) > 1:
        series, places = {}, {}
        for name, predicted in (("a step", False), ("foreseen", True)):
            if rows := [s for s in known if s.predicted is predicted]:
                series[name], places[name] = tuple((s.needed or 0.0) / MIB for s in rows), tuple(math.log2(s.samples) for s in rows)
        ends = tuple(math.log2(known[end].samples) for end in (0, -1))
        if result.limit is not None and max(s.needed or 0.0 for s in known) > 0.1 * result.limit:
            series["limit"], places["limit"] = (result.limit / MIB,) * 2, ends
        yield Curve("memory by batch size", series, (), "log2 of samples in a batch", "MiB", log_y=True, own_x=places)
    timed = [s for s in result.sizes if s.rate and s.low and s.high]
    if len(timed) > 1:
        x = tuple(math.log2(s.samples) for s in timed)
        spread = (tuple(s.samples / s.high for s in timed), tuple(s.samples / s.low for s in timed))
        series = {"samples a second": tuple(s.rate or math.nan for s in timed)}
        yield Curve("speed by batch size", series, x, "log2 of samples in a batch", "samples a second", spread={"samples a second": spread})


def _rate(rate: Rate) -> tuple[str | int | float | None, ...]:
    return (rate.group, rate.samples, f"× {rate.times:.3g}", rate.now, rate.rule, rate.then)


def _accumulation(made: Accumulated) -> Iterator[Panel]:
    over = f", {made.left_over} more than wanted" if made.left_over else ""
    said = f"{made.steps} × {made.samples} samples make {made.steps * made.samples:,}{over}" if made.steps > 1 else "it fits as it is"
    yield Note(f"a batch of {made.wanted:,}: {said}", made.code, "code")
    if made.cautions:
        yield Note("with it", "\n".join(f"- {caution}" for caution in made.cautions))

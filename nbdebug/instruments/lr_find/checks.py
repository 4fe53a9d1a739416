"""Checks of the user's own rate, by short trainings at it beside those at the suggested one."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.lr_find.instrument import lr_find
from nbdebug.instruments.lr_find.result import LrFind

RISEN = 0.5  # of the loss at the start, by which it must have risen where it stayed finite; the 1.5 times that `watch` takes for ND604
BELOW = 100.0  # times below the band, from which on it is noted; our choice: a fine-tuning at a thirtieth of what the loss would bear is sound
FAR_BELOW = 1000.0  # the same for a warning; our choice: Adam at 1e-4, which many take for everything, is at 240 on the MLP of digits
STANDS = 0.05  # of the descent at the suggested rate, below which nothing moved; our choice


@lr_find.check("ND604", "learning rate too high", severity=WARNING, advice="begin with the suggested rate, or warm up to yours")
def rate_too_high(result: LrFind) -> Iterator[Seen]:
    """A rate as it stands at which every repeat's short training diverged, in the region where the sweep does."""
    _demand(result)
    tried = [trial for trial in result.own if trial.rate == result.rate]
    edge = result.diverges_from
    if not tried or edge is None or result.rate < edge or result.rate <= result.high:
        return
    if not all(trial.loss is None or trial.loss - trial.still > RISEN * abs(trial.still) for trial in tried):
        return
    first = tried[0]
    became = first.said if first.loss is None else f"the loss rose from {first.still:.3g} to {first.loss:.3g} in {first.steps} updates"
    yield Seen(
        f"at {result.rate:.3g}, as it stands, {became}{_each(len(tried))}; the sweep diverges from {edge:.2g} on, and "
        f"{result.suggestion:.2g} brings the loss from {first.still:.3g} down to {_reached(result):.3g}",
        _group(result), {"learning_rate": result.rate, "diverges_from": edge, "suggestion": result.suggestion, "repeats": len(tried)},
        advice=f"begin with {result.suggestion:.2g}, or warm up to your rate",
    )  # fmt: skip


@lr_find.check("ND605", "updates too small", severity=WARNING, advice="begin with the suggested rate")
def rate_too_low(result: LrFind) -> Iterator[Seen]:
    """A rate, at the top of its schedule, far below the band, at which a short training moves next to nothing."""
    _demand(result)
    if result.peak == 0:
        yield Seen(
            f"every learning rate is 0, and no scheduler is known to raise it; {result.suggestion:.2g} brings the loss down to {_reached(result):.3g}",
            _group(result), {"learning_rate": 0.0, "suggestion": result.suggestion}, INFO,
        )  # fmt: skip
        return
    tried = [trial for trial in result.own if trial.rate == result.peak]
    if not tried or BELOW * result.peak > result.low or any(t.descent > STANDS * (t.still - _reached(result)) for t in tried):
        return
    first = tried[0]
    top = " at the top of its schedule" if result.peak > result.rate else ""
    yield Seen(
        f"at {result.peak:.3g}{top} the loss goes from {first.still:.4g} to {first.loss:.4g} in {first.steps} updates, where "
        f"{result.suggestion:.2g} takes it to {_reached(result):.3g}: the rate is {result.low / result.peak:,.0f} times below the band "
        f"({result.low:.2g} to {result.high:.2g})",
        _group(result), {"learning_rate": result.peak, "low": result.low, "suggestion": result.suggestion},
        None if FAR_BELOW * result.peak <= result.low and (result.scheduled or not result.trained) else INFO,  # or the end of a schedule by hand
        advice=f"begin with {result.suggestion:.2g}",
    )  # fmt: skip


def _demand(result: LrFind) -> None:
    if not result.settled:
        raise NotChecked("the measurement did not come to its end")
    if result.suggestion is None:
        raise NotChecked(f"there is no rate to compare yours with: {result.reason}")


def _each(count: int) -> str:
    return f", and likewise in all {count} repeats" if count > 1 else ""


def _reached(result: LrFind) -> float:
    """The mean of what the suggested rate came down to, or the nearest that was tried."""
    nearest = min((t for t in result.trials if t.loss is not None), key=lambda t: (abs(t.rate / result.suggestion - 1), t.repeat))
    return nearest.loss


def _group(result: LrFind) -> Location:
    highest = max(result.per_group, key=lambda group: group.peak)
    return Location(detail=f"{highest.optimizer}, group {highest.group}")

"""The ladder: data, code, numbers, optimisation, cheap before dear, within a budget of seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

from nbdebug.causes import fold
from nbdebug.errors import NbdebugError
from nbdebug.instruments import LADDER, find_nan
from nbdebug.instruments.activations.result import ActivationStats
from nbdebug.instruments.base import Instrument, demand_setup, ranked, seconds_of, subject
from nbdebug.instruments.first_step import FirstStep
from nbdebug.instruments.report import RESULTS, Report, remember, shown_live
from nbdebug.page import Panel, Table, Verdict
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import Proof, untouched

CLIMBING = 0.75  # of the budget, after which no instrument goes on: what is left is for the step that runs then, and for giving back


@dataclass(frozen=True)
class Rung:
    """One instrument's turn on the ladder."""

    level: str
    instrument: str
    alarms: int
    sound: int
    not_checked: int
    seconds: float
    note: str  # why it ended early, or did not start


@dataclass(frozen=True)
class CheckupResult:
    """How far the ladder was climbed."""

    budget: float | None  # seconds
    rungs: tuple[Rung, ...]

    def panels(self) -> tuple[Panel, ...]:
        columns = ("level", "instrument", "found", "sound", "not checked", "seconds", "note")
        shown = [r for r in self.rungs if r.instrument != "own" or r.alarms + r.sound + r.not_checked]  # without own checks: no row
        rows = tuple((r.level, r.instrument, r.alarms, r.sound, r.not_checked, round(r.seconds, 2), r.note) for r in shown)
        if not any(r.note for r in shown):
            columns, rows = columns[:-1], tuple(row[:-1] for row in rows)
        return (Table("the ladder", columns, rows),)


RESULTS["checkup"] = CheckupResult


class Checkup:
    """Runs the ladder; `checkup(setup)` gives the whole report, `checkup.follow(setup)` ever fuller ones."""

    __name__ = "checkup"

    def __call__(self, setup: TrainingSetup, *, budget: float | str | None = "20 s") -> Report:
        """Finds out why a training does not learn: data, code, numbers, optimisation, in this order.

        Args:
            setup: the training.
            budget: seconds for all of it, such as 20 or "20 s"; None: as long as it takes. Three quarters of it are for the instruments, so
                that a last step that takes long, and giving back, fit into the rest; what there was no time for is listed as not checked.

        Returns:
            A report of all instruments, findings ranked by cause, symptoms folded under what explains them.

        Raises:
            SetupError: nothing at all could be examined, such as with an empty loader.
            KeyboardInterrupt: with what was measured so far as `.report`.
        """
        return shown_live(self.follow(setup, budget=budget))

    def follow(self, setup: TrainingSetup, *, budget: float | str | None = "20 s") -> Generator[Report, None, None]:
        """Ever fuller reports, the last of them complete."""
        demand_setup("checkup", setup)
        started, limit = time.perf_counter(), seconds_of(budget)
        parts: list[Report] = []
        errors: list[NbdebugError] = []
        borrowed = untouched(setup, vouches=True)  # each instrument gives back what it borrows, and one proof is enough for the user's own
        try:
            with borrowed:
                yield from _climbed(setup, parts, errors, limit, started)
        except KeyboardInterrupt as interrupt:
            interrupt.report = remember(_report(setup, parts, limit, started, "interrupted", borrowed.proof))  # type: ignore[attr-defined]
            raise
        if errors and not any(map(_saw_a_batch, parts)):
            raise errors[0]
        yield remember(_report(setup, parts, limit, started, "", borrowed.proof))


def _climbed(
    setup: TrainingSetup, parts: list[Report], errors: list[NbdebugError], limit: float | None, started: float
) -> Generator[Report, None, None]:
    """Ever fuller reports, and in `parts` what each instrument said, in `errors` why one could not."""
    for instrument in LADDER:
        left = None if limit is None else CLIMBING * limit - (time.perf_counter() - started)
        reason = _reason_to_skip(instrument, setup, left, limit)
        if reason:
            parts.append(instrument.unmeasured(setup, reason))
            continue
        part, doing = None, f"looking at: {instrument.title}"
        yield _report(setup, parts, limit, started, doing)
        try:
            for part in instrument.follow(setup, budget=_portion(instrument, left), **instrument.briefly):
                yield _report(setup, [*parts, part], limit, started, doing)
        except KeyboardInterrupt as interrupt:
            parts.append(getattr(interrupt, "report", instrument.unmeasured(setup, "interrupted")))
            raise
        except NbdebugError as error:
            errors.append(error)
            part = instrument.unmeasured(setup, str(error))
        parts.append(part)
        if _is_lost(part) and not any(finding.code == "ND101" for earlier in parts for finding in earlier.findings):
            parts.append(_born(setup, limit, started))
        elif isinstance(part.result, ActivationStats) and part.result.lost_at:
            parts.append(_born(setup, limit, started, passing=part.result.lost_at))


checkup = Checkup()


def _saw_a_batch(part: Report) -> bool:
    """Whether it measured anything of the training; loader_audit has a result even where no batch can be had."""
    return part.result is not None and part.level in ("data", "code") and part.instrument != "loader_audit"


def _is_lost(part: Report) -> bool:
    """Whether the first step ran, and its loss is not a finite number."""
    return isinstance(part.result, FirstStep) and part.result.loss is not None and not math.isfinite(part.result.loss)


def _born(setup: TrainingSetup, limit: float | None, started: float, passing: int = 0) -> Report:
    """Where the NaN or Inf of the very first step was born, or of the first after so many batches."""
    left = None if limit is None else max(1.0, CLIMBING * limit - (time.perf_counter() - started))
    try:
        return find_nan(setup, max_steps=1, budget=left, passing=passing)
    except NbdebugError as error:
        return find_nan.unmeasured(setup, str(error))


def _reason_to_skip(instrument: Instrument, setup: TrainingSetup, left: float | None, limit: float | None) -> str:
    if missing := instrument.missing(setup):
        return f"no {' and no '.join(missing)} was given"
    if left is not None and left <= 0:
        return f"{CLIMBING:.0%} of the budget of {limit:g} s were used up"
    return ""


def _portion(instrument: Instrument, left: float | None) -> float | None:
    """The seconds it gets: all that are left, or half where it would use them all, or another that trains comes after it."""
    halved = "budget" in instrument.takes or (instrument.trains and any(later.trains for later in LADDER[LADDER.index(instrument) + 1 :]))
    return left / 2 if left is not None and halved else left


def _report(
    setup: TrainingSetup, parts: list[Report], budget: float | None, started: float, stopped: str, proof: Proof | None = None
) -> Report:
    """Of all instruments so far; the proof of the whole vouches for each of them."""
    parts = [replace(part, proof=proof) if part.result is not None else part for part in parts]
    findings = fold(ranked(finding for part in parts for finding in part.findings))
    verdicts = united(verdict for part in parts for verdict in part.verdicts)
    result = CheckupResult(budget, tuple(_rung(part) for part in parts))
    return Report(
        "checkup", "checkup", "", result, findings, verdicts, tuple(parts), subject(setup), stopped,
        time.perf_counter() - started, proof,
    )  # fmt: skip


def united(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """One verdict a code: found by one instrument outweighs sound, sound outweighs not checked."""
    weight = {"found": 0, "sound": 1, "not checked": 2}
    best: dict[str, Verdict] = {}
    for verdict in verdicts:
        if verdict.code not in best or weight[verdict.state] < weight[best[verdict.code].state]:
            best[verdict.code] = verdict
    return tuple(best[code] for code in sorted(best))


def _rung(part: Report) -> Rung:
    states = [verdict.state for verdict in part.verdicts]
    return Rung(
        part.level, part.instrument, states.count("found"), states.count("sound"), states.count("not checked"),
        part.seconds, part.stopped,
    )  # fmt: skip

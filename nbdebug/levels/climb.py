"""`nbdebug.levels(setup)`: the questions of the levels, each with its light, and the evidence behind it."""

from __future__ import annotations

import time
from collections.abc import Generator

from nbdebug.causes import fold
from nbdebug.checkup import checkup, united
from nbdebug.errors import NbdebugError
from nbdebug.instruments import baselines, determinism, lr_find
from nbdebug.instruments.base import Instrument, demand_setup, ranked, seconds_of, subject
from nbdebug.instruments.report import Report, remember, shown_live
from nbdebug.levels.answers import answered
from nbdebug.levels.facts import facts
from nbdebug.page import Answer
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import Proof

CHECKUP = 0.5  # share of the budget that the ladder of `checkup` gets; the experiments of the last level have the rest
EXPERIMENTS: tuple[Instrument, ...] = (determinism, lr_find, baselines)  # cheap before dear


class Levels:
    """Climbs the levels; `levels(setup)` gives the whole checklist, `levels.follow(setup)` ever fuller ones."""

    __name__ = "levels"

    def __call__(self, setup: TrainingSetup, *, budget: float | str | None = "40 s") -> Report:
        """The levels of a training as a checklist: data, one step, numbers, optimisation, a light for every question.

        Runs a checkup, repeats a few steps, sweeps the learning rate and trains baselines, all on borrowed weights. The evidence of an
        answer unfolds under it: findings, what was looked for, and the panels.

        Args:
            setup: the training.
            budget: seconds for all of it, such as 40 or "40 s"; None: as long as it takes. What there was no time for has no light.

        Raises:
            SetupError: nothing at all could be examined, such as with an empty loader.
            KeyboardInterrupt: with what was answered so far as `.report`.
        """
        return shown_live(self.follow(setup, budget=budget))

    def follow(self, setup: TrainingSetup, *, budget: float | str | None = "40 s") -> Generator[Report, None, None]:
        """Ever fuller checklists, the last of them complete."""
        demand_setup("levels", setup)
        started, limit = time.perf_counter(), seconds_of(budget)
        reports: list[Report] = []
        told: list[Answer] = []
        try:
            for part in checkup.follow(setup, budget=None if limit is None else CHECKUP * limit):
                reports = list(part.parts)
                yield _report(setup, reports, told, started, part.stopped or "looking at one update")
            told = list(facts(setup))
            for instrument in EXPERIMENTS:
                yield _report(setup, reports, told, started, f"looking at: {instrument.title}")
                left = None if limit is None else limit - (time.perf_counter() - started)
                reports.append(_examined(setup, instrument, left))
        except KeyboardInterrupt as interrupt:
            partial = getattr(interrupt, "report", None)
            reports += [partial] if partial is not None and not partial.parts else []
            interrupt.report = remember(_report(setup, reports, told, started, "interrupted"))  # type: ignore[attr-defined]
            raise
        yield remember(_report(setup, reports, told, started, ""))


levels = Levels()


def _examined(setup: TrainingSetup, instrument: Instrument, left: float | None) -> Report:
    if missing := instrument.missing(setup):
        return instrument.unmeasured(setup, f"no {' and no '.join(missing)} was given")
    if left is not None and left <= 0:
        return instrument.unmeasured(setup, "the budget was used up")
    report = None
    try:
        for report in instrument.follow(setup, budget=left, **instrument.briefly):  # noqa: B007  the last is the fullest
            pass
    except NbdebugError as error:
        return instrument.unmeasured(setup, str(error))
    assert report is not None, "an instrument yields at least one report"
    return report


def _report(setup: TrainingSetup, reports: list[Report], told: list[Answer], started: float, stopped: str) -> Report:
    findings = fold(ranked(finding for report in reports for finding in report.findings))
    result = answered(reports, findings, told, "not yet" if stopped else "nothing could answer it")
    proofs = [report.proof for report in reports if report.proof is not None]
    return Report(
        "levels", "levels", "", result, findings, united(v for report in reports for v in report.verdicts), (), subject(setup), stopped,
        time.perf_counter() - started, Proof.united(proofs) if proofs else None,
    )  # fmt: skip

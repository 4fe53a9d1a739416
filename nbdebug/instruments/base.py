"""Instrument and Check: borrow the setup, measure, judge, time, give it back, and say so."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from nbdebug.data.no_model import NoModel
from nbdebug.data.sources import as_source
from nbdebug.errors import CodeError, NbdebugError, NotChecked, SetupError, first_line
from nbdebug.findings import Finding, Location, Severity
from nbdebug.instruments.placing import placed
from nbdebug.instruments.report import RESULTS, Report, remember, shown_live
from nbdebug.page import Verdict
from nbdebug.training_setup import TrainingSetup
from nbdebug.untouched import Proof, untouched

INSTRUMENTS: dict[str, Instrument] = {}  # name → instrument that borrows a setup, in the order to reach for them
JUDGED: dict[str, Judged] = {}  # name → everything that has checks: the instruments, and `watch`
UNSAID = object()  # a budget that was not given; None is one: as long as it takes
EVERY = 0.1  # seconds from one report on the way to the next; one that came sooner would be judged and seen by nobody
OWN_FAULT = "nbdebug itself failed on this training, and says so instead of guessing:"


@dataclass(frozen=True)
class Seen:
    """What a check saw: the part of a finding that changes from case to case."""

    message: str
    location: Location = Location()
    evidence: dict[str, float | int | str | bool | None] = field(default_factory=dict)
    severity: Severity | None = None  # None: the check's own
    advice: str | None = None  # None: the check's own


@dataclass(frozen=True)
class Check:
    """A judge of one instrument's result, for one code. `judge` yields a `Seen` for each trouble."""

    code: str
    title: str
    severity: Severity
    advice: str
    judge: Callable[[Any], Any]

    def __call__(self, result: Any) -> tuple[Verdict, list[Finding]]:
        try:
            findings = [self._finding(seen) for seen in self.judge(result) or ()]
        except NotChecked as reason:
            return Verdict(self.code, self.title, "not checked", str(reason)), []
        except Exception as error:  # one judge that stumbles must not take the others' findings with it
            return Verdict(self.code, self.title, "not checked", _own_fault(error)), []
        return Verdict(self.code, self.title, "found" if findings else "sound"), findings

    def _finding(self, seen: Seen) -> Finding:
        return Finding(
            self.code, self.title, seen.severity or self.severity, seen.message, seen.advice or self.advice,
            seen.location, seen.evidence,
        )  # fmt: skip


class Judged:
    """A kind of result with the checks that judge it."""

    def __init__(self, name: str, *, title: str, level: str, result: type) -> None:
        self.name, self.title, self.level, self.result = name, title, level, result
        self.checks: dict[str, Check] = {}
        JUDGED[name], RESULTS[name] = self, result

    def check(
        self, code: str, title: str, *, severity: Severity = Severity.WARNING, advice: str = ""
    ) -> Callable[[Callable[[Any], Any]], Check]:
        """Registers a judge of this result. The same code again replaces the judge.

        Args:
            code: `NDsnn`; your own checks take ND9nn.
            title: the trouble in two or three words.
            advice: one thing to try next.
        """
        demand_code(code)

        def register(judge: Callable[[Any], Any]) -> Check:
            self.checks[code] = Check(code, title, Severity(severity), advice, judge)
            return self.checks[code]

        return register

    def judge(self, result: Any) -> tuple[tuple[Verdict, ...], tuple[Finding, ...]]:
        """Verdicts and findings of all checks on a result."""
        judged = [check(result) for check in self.checks.values()]
        return tuple(v for v, _ in judged), tuple(f for _, findings in judged for f in findings)


class Instrument(Judged):
    """A measuring function with the checks that judge its result. Calling it gives a `Report`."""

    briefly: dict[str, Any] = {}  # options with which a checkup calls it

    def __init__(
        self, measure: Callable[..., Any], *, needs: tuple[str, ...], trains: bool, title: str, level: str, result: type
    ) -> None:
        super().__init__(measure.__name__, title=title, level=level, result=result)
        self.measure, self.needs, self.trains = measure, needs, trains
        self.takes = inspect.signature(measure).parameters  # with a `budget` among them it divides its time itself
        self.__name__, self.__doc__, self.__wrapped__ = measure.__name__, measure.__doc__, measure

    def __call__(self, setup: TrainingSetup, *, budget: Any = UNSAID, **options: Any) -> Report:
        """Measures and judges; an interrupt gives the setup back and leaves the partial report on the
        KeyboardInterrupt as `.report`."""
        return shown_live(self.follow(setup, budget=budget, **options))

    def follow(self, setup: TrainingSetup, *, budget: Any = UNSAID, **options: Any) -> Generator[Report, None, None]:
        """Ever fuller reports, the last of them complete; for showing a measurement while it runs."""
        self._demand(setup)
        self._demand_known(options)
        started, limit = time.perf_counter(), None
        if "budget" in self.takes:
            options["budget"] = seconds_of(self.takes["budget"].default if budget is UNSAID else budget)
        elif budget is not UNSAID:
            limit = seconds_of(budget)
        result, stopped, interrupt, told, about = None, "", None, -EVERY, subject(setup)
        borrowed = untouched(setup, weights=self.trains, vouches=True)
        try:
            with borrowed:
                for result in self._results(setup, options):
                    used = time.perf_counter() - started
                    if limit is not None and used > limit:
                        stopped = f"stopped after {used:.1f} s, the budget"
                        break
                    if used - told >= EVERY:
                        yield self._report(setup, result, "still running", used, None, about)
                        told = time.perf_counter() - started
        except KeyboardInterrupt as error:
            stopped, interrupt = "interrupted", error
        except Exception as error:
            if not isinstance(error, NbdebugError):
                error = _as_ours(self.name, error)
            if result is None:
                raise error from error.__cause__
            stopped = str(error)  # what was measured before it is not lost
        used = time.perf_counter() - started
        report = self._report(setup, result, stopped, used, borrowed.proof, about)
        if interrupt is not None:
            interrupt.report = remember(report)  # type: ignore[attr-defined]  # nothing measured is lost
            raise interrupt
        yield remember(report)

    def missing(self, setup: TrainingSetup) -> list[str]:
        """The names this instrument needs and the setup does not have."""
        given = {name: getattr(setup, name) for name in self.needs}  # not judged by truth: a loader may lack a length
        return [name for name, part in given.items() if part is None or (isinstance(part, tuple) and not part)]

    def unmeasured(self, setup: TrainingSetup, reason: str) -> Report:
        """The report of an instrument that did not run: all its checks are not checked, for this reason."""
        return self._report(setup, None, reason, 0.0, None)

    def _demand(self, setup: TrainingSetup) -> None:
        demand_setup(self.name, setup)
        if missing := self.missing(setup):
            wanted = ", ".join(f"{name}=..." for name in missing)
            raise SetupError(f"{self.name} needs {' and '.join(missing)}: pass TrainingSetup({wanted})")

    def _demand_known(self, options: dict[str, Any]) -> None:
        known = [name for name in list(self.takes)[1:] if name != "budget"]
        if unknown := sorted(options.keys() - set(known)):
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise SetupError(f"{self.name} has no option {', '.join(unknown)}: {takes}, and budget")

    def _results(self, setup: TrainingSetup, options: dict[str, Any]) -> Iterator[Any]:
        measured = self.measure(setup, **options)
        if inspect.isgenerator(measured):
            yield from measured
        else:
            yield measured

    def _report(
        self, setup: TrainingSetup, result: Any, stopped: str, seconds: float, proof: Proof | None, about: str | None = None
    ) -> Report:
        if result is None:
            reason = stopped or "nothing was measured"
            verdicts = tuple(Verdict(c.code, c.title, "not checked", reason) for c in self.checks.values())
            findings: tuple[Finding, ...] = ()
        else:
            verdicts, findings = self.judge(result)
        return Report(
            self.name, self.title, self.level, result, ranked(placed(findings, setup.model, setup=setup)), verdicts,
            subject=subject(setup) if about is None else about, stopped=stopped, seconds=seconds, proof=proof,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<instrument {self.name}: {(self.__doc__ or '').strip().splitlines()[0]}>"


def instrument(
    *needs: str, trains: bool = False, title: str, level: str, result: type, made: type[Instrument] = Instrument
) -> Callable[[Callable[..., Any]], Instrument]:
    """Makes a measuring function an instrument and puts it on the list.

    Args:
        needs: fields of the setup without which it cannot measure.
        trains: whether it moves weights; only then are they saved.
        title: heading of its report.
        level: its rung of the ladder.
        result: the frozen dataclass it returns or, as a generator, yields ever fuller.
        made: an Instrument that takes other things than a setup as well.
    """

    def register(measure: Callable[..., Any]) -> Instrument:
        new = made(measure, needs=needs, trains=trains, title=title, level=level, result=result)
        INSTRUMENTS[new.name] = new
        return new

    return register


def demand_setup(name: str, setup: Any) -> None:
    """Raises SetupError unless this is a TrainingSetup, and no backward pass is under way."""
    if not isinstance(setup, TrainingSetup):
        raise SetupError(
            f"{name} needs a TrainingSetup, got {type(setup).__name__}: "
            "nbdebug.TrainingSetup(model=..., loss_fn=..., optimizer=..., train_loader=...)"
        )
    if any(tensor.is_meta for tensor in (*setup.model.parameters(), *setup.model.buffers())):
        raise SetupError("the model lies on the meta device, which holds no numbers: model.to_empty(device=...) and load it")
    if torch._C._current_graph_task_id() != -1:  # inside a gradient hook: gradients are half written
        raise SetupError(f"{name} was called in the middle of backward(): call it before or after")


def _own_fault(error: Exception) -> str:
    return f"{OWN_FAULT} {type(error).__name__}: {first_line(error)}"


def _as_ours(name: str, error: Exception) -> NbdebugError:
    ours = NbdebugError(f"{name} stopped. {_own_fault(error)}")
    ours.__cause__ = error
    return ours


def demand_code(code: str) -> None:
    """Raises CodeError unless this looks like ND401."""
    if not re.fullmatch(r"ND\d{3}", str(code)):
        raise CodeError(f"a code looks like ND401, got {code!r}: your own checks take ND901 to ND999")


def seconds_of(budget: float | str | None) -> float | None:
    """`"20 s"`, `"2 min"`, `20` or None, in seconds.

    Raises:
        SetupError: it is none of these.
    """
    if budget is None:
        return None
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|sec|seconds|m|min|minutes)?\s*", str(budget))
    if not matched:
        raise SetupError(f'a budget looks like "20 s" or "2 min", got {budget!r}')
    factor = {"ms": 0.001, "m": 60.0, "min": 60.0, "minutes": 60.0}.get(matched[2] or "s", 1.0)
    return float(matched[1]) * factor


def demand_at_least(least: int, **given: Any) -> None:
    """Raises SetupError unless every one of these is a whole number of at least `least`: `demand_at_least(1, max_steps=steps)`."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SetupError(f"{name} must be a whole number of at least {least}, got {value!r}")


def ranked(findings: Any) -> tuple[Finding, ...]:
    """Errors first, then warnings; among equals the earlier station of the training step."""
    return tuple(sorted(findings, key=lambda finding: (finding.severity.rank, finding.code)))


def subject(setup: TrainingSetup) -> str:
    """What is examined, in a line: `Net · 12,345 parameters · Adam · cpu · 32-true`; of data alone what it is."""
    if isinstance(setup.model, NoModel):
        return " · ".join(_about(name, loader) for name, loader in (("", setup.train_loader), ("val: ", setup.val_loader)) if loader is not None)
    model = dict(setup.model.named_children()).get("_orig_mod", setup.model)  # what a compiled one compiles
    known = [p for p in model.parameters() if not is_lazy(p)]
    optimizers = "+".join(type(optimizer).__name__ for optimizer in setup.optimizers) or "no optimizer"
    count = f"{sum(p.numel() for p in known):,} parameters"
    return " · ".join([type(model).__name__, count, optimizers, str(setup.device), setup.precision])


def _about(name: str, loader: Any) -> str:
    source = as_source(loader)
    counted = f"{source.total:,}" in source.about if source.total is not None else True
    return name + source.about + ("" if counted else f", {source.total:,} samples")

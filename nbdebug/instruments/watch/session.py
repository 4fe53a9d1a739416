"""`nbdebug.watch()`: listens to whatever trains inside it, and says what it saw."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
import re
import statistics
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from torch import nn

from nbdebug.causes import fold
from nbdebug.errors import SetupError
from nbdebug.guard import Guarded
from nbdebug.instruments.base import JUDGED, Judged, ranked
from nbdebug.instruments.placing import placed
from nbdebug.instruments.report import Report, remember
from nbdebug.instruments.watch.alarms import Alarms
from nbdebug.instruments.watch.by_heart import ByHeart
from nbdebug.instruments.watch.inventory import WatchedModel, plain_optimizer
from nbdebug.instruments.watch.live import LiveView, Now
from nbdebug.instruments.watch.numbers import Numbers
from nbdebug.instruments.watch.origins import Origins
from nbdebug.instruments.watch.pace import Pace
from nbdebug.instruments.watch.predictions.keeping import Looks
from nbdebug.instruments.watch.reading.courses import training_loader
from nbdebug.instruments.watch.recorder import Recorder, Step
from nbdebug.instruments.watch.result import Rescaled, Rival, Stray, WatchResult
from nbdebug.instruments.watch.rival import asked
from nbdebug.listening import plain_path
from nbdebug.nonfinite.loop.armed import Armament
from nbdebug.taps import Both, Taps
from nbdebug.unheeded import unheeded

watched = Judged("watch", title="watch", level="optimisation", result=WatchResult)
_open: list[Watch] = []  # the watch that listens now; at most one


class Watch(contextlib.ContextDecorator):
    """A watch over a training loop: `with nbdebug.watch() as watch: ...`, then `watch.report()`."""

    def __init__(
        self, model: nn.Module | Iterable[nn.Module] | None = None, optimizer: Any = None, *, every: int | None = None,
        budget: float | str | None = None, predictions: Any = None, log_dir: str | None = None, max_gradient_norm: float | None = None,
        each_step: Callable[[Step], Any] | None = None, memory: int | str = "64 MB", find_nan: bool = False, live: bool = True,
    ) -> None:  # fmt: skip
        self._only = _models(model)
        self._optimizers = () if optimizer is None else tuple(optimizer) if isinstance(optimizer, (list, tuple)) else (optimizer,)
        every = 1 if every is None and budget is None and (max_gradient_norm is not None or each_step is not None) else every
        self._pace = Pace(every, _share(budget))
        self._alarms = Alarms(max_gradient_norm, each_step)
        self._numbers = Numbers(every=every if budget is None else 1, memory=_bytes(memory))
        self._recorder = Recorder(self._numbers, due=self._pace.due, only=self._only)
        self._recorder.on_step, self._recorder.on_loss = self._step_over, self._pace.startled
        self._looks = None if predictions is None else Looks(predictions, every)
        self._live, self._log_dir = live, log_dir
        self._view: LiveView | None = None
        self._files: Any = None
        self._taps: Taps | None = None
        self._origins = Origins()
        self._by_heart = ByHeart(self._recorder, self._pace)
        self._guarded = Guarded(self._by_heart)
        self._armament = Armament() if find_nan else None
        self._resume: Callable[[], None] | None = None
        self._frozen: WatchResult | None = None
        self._trained: dict[str, weakref.ref[nn.Module]] = {}  # name → a model, when the watch is closed
        self._seconds, self._started, self._stopped = 0.0, 0.0, ""

    # -- listening ----------------------------------------------------------------------------------------------

    def __enter__(self) -> Watch:
        if _open:
            raise SetupError("a watch is open already: leave its `with` block first, one watch sees every model that trains")
        self._files = _event_files(self._log_dir) if self._log_dir is not None and self._files is None else self._files
        if self._looks is not None:
            self._looks.open()
        if self._resume is not None:
            self._resume()
        self._recorder.own(self._optimizers)
        self._frozen, self._stopped, self._resume = None, "", None
        self._guarded = Guarded(self._by_heart)
        self._by_heart.score.failed = self._guarded.failed
        if self._armament is not None:
            self._armament.arm()
        self._taps = (
            Taps(self._guarded, self._by_heart.score) if self._armament is None else Taps(Both(self._guarded, self._armament.listener))
        )
        view = LiveView() if self._live else None
        self._view = view if view is not None and view.is_seen else None
        told = (self._looks, self._files, self._view, self._alarms.each_step)
        self._recorder.tells_each = any(part is not None for part in told) or self._pace.budget is not None
        _open.append(self)
        self._started = time.perf_counter()
        try:
            self._taps.open()
        except BaseException:
            self._close("")
            raise
        return self

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """As a decorator: every call of the function is watched."""
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise SetupError(f"{function.__name__} does not run when it is called: open the watch with `with` around the loop itself")
        return super().__call__(function)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        why = "" if kind is None else "interrupted" if issubclass(kind, KeyboardInterrupt) else f"the loop raised {kind.__name__}"
        self._close(why)
        if isinstance(error, KeyboardInterrupt) and not hasattr(error, "report"):
            error.report = self.report()  # type: ignore[attr-defined]  # nothing measured is lost

    def _close(self, why: str) -> None:
        """Takes everything off, whatever happens on the way, and keeps only plain values."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._let_go)
            stack.callback(self._freeze, why)
            if self._view is not None:
                stack.callback(self._view.close)
            if self._armament is not None:
                stack.callback(self._armament.release)
            if self._taps is not None:
                stack.callback(self._taps.close)
            if self in _open:
                _open.remove(self)
            self._seconds += time.perf_counter() - self._started

    def _freeze(self, why: str) -> None:
        self._by_heart.rouse()
        self._recorder.finish()
        if self._looks is not None:
            if not why:
                self._looks.end(self._trained_models(), self._recorder.constants.functions())
            self._looks.close()
        self._stopped = why
        self._frozen = self._measured()
        if not why:
            self._frozen = dataclasses.replace(self._frozen, rival=self._rival(self._frozen))
        if self._files is not None:
            self._files.close(self._frozen, self.report().findings)

    def _rival(self, result: WatchResult) -> Rival | None:
        """What another model makes of the samples, where the training stands still; whatever goes wrong then, it says nothing."""
        models, loader = self._trained_models(), training_loader(result)
        entry = next((e for e in self._recorder.loaders.values() if loader is not None and e.name == loader.name), None)
        if len(models) != 1 or entry is None:
            return None
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return asked(result, models[0].module, entry.loader())
        return None

    def _let_go(self) -> None:
        self._trained = {m.name: weakref.ref(m.module) for m in self._recorder.models.values()}
        self._by_heart.release()
        self._resume = self._recorder.release()
        self._numbers.release()
        self._taps = self._view = None

    def _step_over(self, step: Step) -> None:
        self._alarms.judge(step)
        self._pace.passed(step, self._recorder.spent + self._numbers.spent)
        if self._looks is not None:
            with self._taps.deaf() if self._taps is not None else contextlib.nullcontext():
                self._looks.step_over(step.step, self._trained_models(), self._recorder.constants.functions())
        if self._files is not None:
            self._files.write(self.result)
        if self._view is not None:
            self._view.step(self._now(step))

    def _trained_models(self) -> list[WatchedModel]:
        """Those that some optimizer which stepped moves; in a loop without optimizers all that want gradients."""
        stepping = {id(p) for account in self._recorder.ledger if account.steps for p in account.parameters}
        models = [m for m in self._recorder.models.values() if m.trains]
        return [m for m in models if any(id(p) in stepping for p in m.module.parameters())] if stepping else models

    def _now(self, step: Step) -> Now:
        recorder = self._recorder
        loader = next((e for e in recorder.loaders.values() if e.name == recorder._training_loader), None)
        return Now(
            step=step.step, loss=step.loss, seconds=step.seconds, data_wait=recorder.curves.wait_share(),
            epoch=loader.epochs if loader else None, batch=loader.position if loader else None,
            batches=loader.length if loader else None, report=self._so_far,
        )  # fmt: skip

    # -- what was seen ------------------------------------------------------------------------------------------

    def result(self) -> WatchResult:
        """What was measured so far, in plain values."""
        return self._frozen if self._frozen is not None else self._measured()

    def report(self) -> Report:
        """Findings, histories and histograms; also while the loop runs."""
        return remember(self._report(self.result(), self._stopped if self._frozen is not None else "still running"))

    def history(self) -> Any:
        """The curves as a pandas DataFrame, one row a step: loss, gradient norm, learning rate, seconds, …"""
        from nbdebug.instruments.watch.frame import history

        return history(self.result())

    def figure(self, layer: str | None = None, *, step: int | None = None, what: str | None = None) -> Any:
        """The report's panels as one matplotlib figure; or one layer's history, or all layers at one step.

        Args:
            layer: a layer or parameter as the report names it: "encoder.0", "encoder.0.weight".
            step: all layers at this step, one below the other.
            what: "activation", "activation gradient", "weight", "gradient" or "update" only.
        """
        if layer is None and step is None and what is None:
            return self.report().figure()
        from nbdebug.instruments.watch.picking import figure

        return figure(self.result(), layer, step=step, what=what)

    def widget(self) -> Any:
        """The report as an ipywidgets box, with a layer to pick and a step to slide to."""
        from nbdebug.instruments.watch.picking import widget

        return widget(self.report())

    def living(self) -> tuple[str, ...]:
        """Names of the watched models that still exist, so that the history may go on with them."""
        return tuple(name for name, model in self._trained.items() if model() is not None)

    def log(self, **values: float) -> None:
        """Adds numbers of your own to the curves at the current step: `watch.log(accuracy=0.9)`."""
        for name, value in values.items():
            try:
                number = float(value)
            except (TypeError, ValueError):
                raise SetupError(f"watch.log takes numbers, got {name}={type(value).__name__}: pass {name}=float(...)") from None
            self._recorder.curves.tracks.add(name, self._recorder.steps, number)
        if self._frozen is not None:  # after the block
            self._frozen = dataclasses.replace(self._frozen, tracks=self._recorder.curves.plain())

    def __repr__(self) -> str:
        state = "listening" if self in _open else "closed"
        return f"<nbdebug.watch, {state}: {self.result().steps} steps; watch.report() says what was seen>"

    # -- inside -------------------------------------------------------------------------------------------------

    def _troubles(self) -> list[str]:
        """Why a part of the watch fell silent."""
        told = {"": self._guarded, "the tripwire: ": self._armament, "the live view: ": self._view, "the event files: ": self._files, "predictions: ": self._looks}
        return [prefix + part.trouble for prefix, part in told.items() if part is not None and part.trouble]

    def _so_far(self) -> Report:
        return self._report(self._measured(), "still running")

    def _report(self, result: WatchResult, stopped: str) -> Report:
        verdicts, findings = watched.judge(result)
        born = self._born()
        if born is not None:  # what it says of a code is more than what the watch sees of it
            told, known = {f.code for f in born.findings}, {v.code for v in verdicts}
            verdicts = (*(v for v in born.verdicts if v.code in told or v.code not in known), *(v for v in verdicts if v.code not in told))
            findings = (*born.findings, *(f for f in findings if f.code not in told))
        return Report(
            "watch", "watch", "optimisation", result, fold(ranked(placed(findings, *self._models()))), verdicts, () if born is None else (born,), _subject(result),
            stopped, result.seconds,
        )  # fmt: skip

    def _models(self) -> Iterator[nn.Module]:
        """The watched models that still exist."""
        yield from (entry.module for entry in self._recorder.models.values())
        yield from filter(None, (model() for model in self._trained.values()))

    def _born(self) -> Report | None:
        """Where the first NaN or Inf was born, when that was asked for."""
        if self._armament is None:
            return None
        judged = JUDGED["find_nan"]
        result = judged.result(**self._armament.fields())
        verdicts, findings = judged.judge(result)
        return Report(judged.name, judged.title, judged.level, result if result.origin is not None else None, ranked(findings), verdicts)

    def _measured(self) -> WatchResult:
        with self._taps.deaf() if self._taps is not None else contextlib.nullcontext():
            return self._in_plain_values()

    def _in_plain_values(self) -> WatchResult:
        self._by_heart.rouse()
        recorder = self._recorder
        places = recorder.places.known
        accounts = [a for a in recorder.ledger if a.optimizer is not None]
        seconds = self._seconds + (time.perf_counter() - self._started if self in _open else 0.0)
        return WatchResult(
            steps=recorder.cycles.steps,
            every=self._pace.every,
            looked=self._pace.looked,
            heard=max(0, recorder.cycles.steps - self._by_heart.slept),
            seconds=seconds,
            overhead=self._pace.overhead(seconds, beside=self._looks.spent if self._looks is not None else 0.0),
            cycles=recorder.cycles.plain(places),
            models=tuple(m.plain(accounts) for m in recorder.models.values()),
            optimizers=tuple(plain_optimizer(a, self._numbers.name_of) for a in accounts),
            schedulers=tuple(s.plain(_optimizer_of(s.scheduler, accounts), places) for s in recorder.whole_schedulers()),
            loaders=tuple(entry.plain(places) for entry in recorder.loaders.values()),
            strays=_strays(recorder, accounts),
            rescaled=tuple(Rescaled(name, statistics.median(factors), len(factors), asked) for name, (factors, asked) in self._numbers.scaled().items()),
            aliases=recorder.aliases,
            retained=recorder.graphs.plain(),
            constants=recorder.constants.plain(),
            unheeded=tuple(one for entry in recorder.models.values() for one in unheeded(entry.module)),
            sources=recorder.places.sources(),
            built=self._origins.of(recorder),
            tracks=recorder.curves.plain(),
            tensors=self._numbers.tensor_tracks(),
            units=self._numbers.unit_tracks(),
            alarms=self._alarms.plain(),
            predictions=self._looks.plain() if self._looks is not None else None,
            limits=_limits(recorder, self._numbers, self._troubles()),
        )


def watch(
    model: nn.Module | Iterable[nn.Module] | None = None, optimizer: Any = None, *, every: int | None = None,
    budget: float | str | None = None, predictions: Any = None, log_dir: str | None = None, max_gradient_norm: float | None = None,
    each_step: Callable[[Step], Any] | None = None, memory: int | str = "64 MB", find_nan: bool = False, live: bool = True,
) -> Watch:  # fmt: skip
    """Watches the training loop that runs inside its `with` block, and changes nothing in it.

        with nbdebug.watch() as watch:
            train(model, loader)
        watch.report()

    Everything is discovered: the models that are called, optimizers, backward passes, schedulers, scalers, loaders. The
    block may be entered again; the history goes on.

    Args:
        model: watch only this model (or these).
        optimizer: an optimizer (or several) that is not among the loop's variables before it first steps.
        every: look at the tensors of every so many steps; 1: of every step. None: of the first steps, then at 1.6 times the step of the last
            look, sooner while looking takes under 2 % of the loop's time, and of a step whose loss jumps; with `each_step` or `max_gradient_norm` of every step. The report says how often. Losses, rates and the order of calls are of every step.
        budget: the share of a step's time that watching may take, such as "5%"; it is measured, and `every` chosen.
        predictions: a loader, or one batch, such as val_loader: what the model says of up to 64 of its samples, in eval mode, again and
            again over the run; at the steps of `every`, else as often as 2 % of the time allow.
        log_dir: also write TensorBoard event files into this directory.
        max_gradient_norm: raise an alarm at every step whose gradient norm is above it.
        each_step: called as `each_step(step)` after every update; a sentence (or several) that it returns is an alarm.
        memory: what the histories may take, such as "64 MB"; of a long run they thin out, extremes are kept.
        find_nan: also repeat the step of the first NaN or Inf, operator by operator, and name the line it was born in; as
            `nbdebug.armed`, but the loop goes on.
        live: show how far it is while the loop runs.

    Raises:
        SetupError: an option cannot be read, or another watch is open.
    """
    return Watch(
        model, optimizer, every=every, budget=budget, predictions=predictions, log_dir=log_dir, max_gradient_norm=max_gradient_norm, each_step=each_step,
        memory=memory, find_nan=find_nan, live=live,
    )  # fmt: skip


def open_watch() -> Watch | None:
    """The watch that listens now, if any."""
    return _open[0] if _open else None


def _subject(result: WatchResult) -> str:
    models = ", ".join(f"{m.name} ({m.kind}, {m.parameters:,} parameters)" for m in result.models[:3])
    stepping = [o for o in result.optimizers if o.steps + o.skipped] or result.optimizers  # not one of another model
    optimizers = ", ".join(f"{o.kind} lr {o.groups[0].lr:.3g}" for o in stepping[:3] if o.groups)
    steps = f"{result.steps:,} steps" if result.steps else "no training step was seen"
    cost = f"watching added {result.overhead:.1%}" if result.overhead is not None else ""
    every = f"tensors looked at in {result.looked:,} of them" if result.looked is not None and result.looked < result.steps else ""
    return " · ".join(part for part in (models, optimizers, steps, every, cost) if part)


def _strays(recorder: Recorder, accounts: list[Any]) -> tuple[Stray, ...]:
    stepping = [a for a in accounts if a.steps + a.skipped]
    owned = {id(p) for a in stepping for p in a.parameters}
    models = {m.name: m for m in recorder.models.values()}
    known = {id(p) for m in recorder.models.values() for p in m.module.parameters()} | recorder.met
    forgotten = [p for a in stepping for p in a.parameters if id(p) not in known]  # of a model that was there before
    return tuple(
        Stray(
            plain_path(name), model, p.numel(), order, models[model].moved(plain_path(name), p),
            any(_are_alike(p, other) for other in forgotten),
        )
        for key, (name, model, p, order) in recorder.strays.items()
        if key not in owned and model in models
    )  # fmt: skip


def _are_alike(one: Any, other: Any) -> bool:
    """The same number of dimensions, of which at least one is equal: a head with more classes, a layer made anew."""
    return one.dim() == other.dim() and any(a == b for a, b in zip(one.shape, other.shape, strict=True))


def _optimizer_of(scheduler: Any, accounts: list[Any]) -> str:
    return next((a.name for a in accounts if a.optimizer is getattr(scheduler, "optimizer", None)), "")


def _limits(recorder: Recorder, numbers: Numbers, troubles: list[str]) -> tuple[str, ...]:
    said = list(troubles)
    said += [f"inside {m.name}: {m.invisible}" for m in recorder.models.values() if m.invisible]
    said += [f"{name} was left out of the histograms: {reason}" for name, reason in list(numbers.left_out.items())[:8]]
    if recorder.cycles.lost:
        said.append(f"{recorder.cycles.lost} updates went in yet other ways than those that are listed")
    return tuple(said)


def _models(given: Any) -> tuple[nn.Module, ...]:
    several = () if given is None else tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for model in several:
        if not isinstance(model, nn.Module):
            raise SetupError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    return several


def _share(budget: float | str | None) -> float | None:
    if budget is None:
        return None
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", str(budget))
    share = float(matched[1]) / (100 if matched[2] else 1) if matched else math.nan
    if not 0 < share <= 1:
        raise SetupError(f'a budget of watch is a share of the step, such as "5%" or 0.05, got {budget!r}')
    return share


def _bytes(memory: int | str) -> int:
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB)?\s*", str(memory))
    if not matched:
        raise SetupError(f'memory looks like "64 MB", got {memory!r}')
    return int(float(matched[1]) * {"B": 1, "kB": 2**10, "KB": 2**10, "MB": 2**20, "GB": 2**30}[matched[2] or "B"])


def _event_files(log_dir: str) -> Any:
    from nbdebug.instruments.watch.tensorboard import EventFiles

    return EventFiles(log_dir)

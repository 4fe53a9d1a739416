"""When to look, and what is kept of all looks: a fixed number of columns, at a fixed share of the loop's time."""

from __future__ import annotations

import time
from typing import Any

from torch import nn

from nbdebug.errors import NbdebugError, first_line
from nbdebug.instruments.watch.predictions.batch import fixed_batch
from nbdebug.instruments.watch.predictions.looking import Look, look
from nbdebug.instruments.watch.predictions.result import Predictions

SHARE = 0.02  # of the loop's time that looking may take
AT_FIRST = 0.1  # seconds that it may take beyond that, so that a short run has some looks; and
GROWS = 1.3  # times the step of a look, at which the next of these comes
MOST = 128  # looks; then every second one goes, and half as often is looked from then on
DIGITS = 4  # of a value that is kept


class Looks:
    """Keeps the predictions of one model on one batch. Never raises into the loop."""

    def __init__(self, given: Any, every: int | None) -> None:
        self._given, self._every = given, every
        self._batch: Any = None  # copied, and not the user's
        self._said = self._name = ""
        self._looks: list[tuple[int, Look]] = []
        self._spacing = every or 1  # steps between two looks at least
        self._cost = 0.0  # seconds of the last look
        self._elapsed, self._since = 0.0, 0.0  # seconds of the loop
        self._last = -1  # the last step that is over
        self.spent = 0.0
        self.trouble = ""  # why nothing is looked at any more; empty while it works

    def open(self) -> None:
        """Reads the batch, the first time.

        Raises:
            SetupError, StepError: there is none to be had.
        """
        if self._batch is None:
            self._batch, self._said = fixed_batch(self._given)
            self._given = None
        self._since = time.perf_counter()

    def close(self) -> None:
        self._elapsed += time.perf_counter() - self._since

    def step_over(self, step: int, models: list[Any], losses: tuple[str, ...]) -> None:
        """An update is over: looks, if it is time.

        Args:
            models: those that the loop trains.
            losses: the torch losses that it trains with.
        """
        self._last = step
        if not self.trouble and self._is_due(step):
            self._look(step, models, losses)

    def end(self, models: list[Any], losses: tuple[str, ...]) -> None:
        """The loop is over: its last step is looked at as well."""
        if not self.trouble and self._looks and self._looks[-1][0] < self._last:
            self._look(self._last, models, losses)

    def _look(self, step: int, models: list[Any], losses: tuple[str, ...]) -> None:
        started = time.perf_counter()
        try:
            model = self._model(models)
            if model is not None:
                self._take(step, model, losses)
        except Exception as error:  # a look that fails must not stop a training
            self.trouble = first_line(error) if isinstance(error, NbdebugError) else f"{type(error).__name__}: {first_line(error)}"
        self._cost = time.perf_counter() - started
        self.spent += self._cost

    def plain(self) -> Predictions | None:
        if not self._looks:
            return None
        looks, first = self._looks, self._looks[0][1]
        order = sorted(range(len(first.truth)), key=lambda i: first.truth[i])  # one class below the other
        elapsed = self._elapsed + (time.perf_counter() - self._since)
        return Predictions(
            self._name, self._said, first.kind, tuple(first.rows[i] for i in order), tuple(first.truth[i] for i in order),
            tuple(step for step, _ in looks), tuple(tuple(one.predicted[i] for i in order) for _, one in looks),
            tuple(tuple(one.values[i] for i in order) for _, one in looks), self.spent, self.spent / elapsed if elapsed > 0 else None,
        )  # fmt: skip

    def _take(self, step: int, model: Any, losses: tuple[str, ...]) -> None:
        seen = look(model.module, self._batch, losses)
        if self._looks and len(seen.truth) != len(self._looks[0][1].truth):
            raise NbdebugError("the model gives other numbers of predictions for the same batch")
        self._name = model.name
        self._looks.append((step, _rounded(seen)))
        if len(self._looks) > MOST:
            self._looks = self._looks[::2]
            self._spacing *= 2

    def _model(self, models: list[Any]) -> Any:
        """The one that is trained; where several are, one has to be said."""
        if len(models) > 1:
            self._looks.clear()  # of the first that stepped
            names = ", ".join(model.name for model in models[:3])
            raise NbdebugError(f"several models are trained ({names}): say whose predictions you mean, watch(model=..., predictions=...)")
        return models[0] if models and isinstance(models[0].module, nn.Module) else None

    def _is_due(self, step: int) -> bool:
        if self._looks and step - self._looks[-1][0] < self._spacing:
            return False
        if self._every is not None:
            return step % self._spacing == 0
        afterwards, allowed = self.spent + self._cost, SHARE * (self._elapsed + time.perf_counter() - self._since)
        seldom = not self._looks or step > GROWS * self._looks[-1][0]
        return afterwards <= allowed or (seldom and afterwards <= AT_FIRST + allowed)


def _rounded(seen: Look) -> Look:
    return Look(
        seen.kind, [_short(v) for v in seen.predicted], [_short(v) for v in seen.values], [_short(v) for v in seen.truth], seen.rows
    )


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")

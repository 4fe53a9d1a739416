"""Thresholds and checks of the user's own, asked after every update."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from nbdebug.errors import SetupError
from nbdebug.findings import Location
from nbdebug.guard import UsersError
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.recorder import Step
from nbdebug.instruments.watch.result import Alarm

MOST = 50  # different messages that are kept


class Alarms:
    """What the user wanted to be told about."""

    def __init__(self, max_gradient_norm: float | None, each_step: Callable[[Step], Any] | None) -> None:
        if max_gradient_norm is not None and not max_gradient_norm > 0:
            raise SetupError(f"max_gradient_norm must be a positive number, got {max_gradient_norm!r}")
        if each_step is not None and not callable(each_step):
            raise SetupError(f"each_step must be callable, got {type(each_step).__name__}")
        self.limit, self.each_step = max_gradient_norm, each_step
        self._raised: dict[str, Alarm] = {}
        self._worst = 0.0

    def judge(self, step: Step) -> None:
        """Asks the threshold and the user's check. What his check raises is his own error, and goes on to him."""
        if self.limit is not None and step.gradient_norm is not None and not step.gradient_norm <= self.limit:
            self._worst = max(self._worst, step.gradient_norm if math.isfinite(step.gradient_norm) else math.inf)
            self._note("gradient norm", step.step, Location())
        if self.each_step is not None:
            for said in self._asked(step):
                self._note(said.message, step.step, said.location)

    def _asked(self, step: Step) -> list[Seen]:
        try:
            return list(_sentences(self.each_step(step)))  # type: ignore[misc]
        except Exception as error:
            raise UsersError(error) from error

    def plain(self) -> tuple[Alarm, ...]:
        return tuple(self._told(alarm) for alarm in self._raised.values())

    def _told(self, alarm: Alarm) -> Alarm:
        if alarm.message != "gradient norm":
            return alarm
        worst = f"{self._worst:.3g}" if math.isfinite(self._worst) else "not finite"
        message = f"the gradient norm was above your limit of {self.limit:g} at {alarm.times} steps, at most {worst}"
        return Alarm(message, alarm.first, alarm.last, alarm.times, alarm.place)

    def _note(self, message: str, step: int, place: Location) -> None:
        known = self._raised.get(message)
        if known is not None:
            self._raised[message] = Alarm(message, known.first, step, known.times + 1, known.place)
        elif len(self._raised) < MOST:
            self._raised[message] = Alarm(message, step, step, 1, place)


def _sentences(answer: Any) -> Iterator[Seen]:
    if answer is None or answer is False or answer == "":
        return
    if answer is True:
        answer = "your each_step check returned True"
    if not isinstance(answer, (str, Seen, list, tuple)):
        raise SetupError(f"each_step returns a sentence, a list of them, True or nothing, got {type(answer).__name__}")
    for said in [answer] if isinstance(answer, (str, Seen)) else answer:
        yield said if isinstance(said, Seen) else Seen(str(said))

"""How far the loop is: its steps, their losses and gradient norms, few enough to be kept for a run of any length."""

from __future__ import annotations

from collections.abc import Hashable

MOST = 1000  # points that are kept at least; twice as many at most


class Course:
    """A step is over when every optimizer that stepped in the one before has stepped, or when a pass of a loop over a loader begins."""

    def __init__(self) -> None:
        self.step = 0  # the one that runs, from 0
        self.every = 1  # steps between two points
        self.losses: list[float] = []
        self.norms: list[float | None] = []
        self.skipped: list[int] = []
        self._loss: float | None = None
        self._norm: float | None = None
        self._stepped: set[Hashable] = set()
        self._expected: set[Hashable] = set()

    def descends(self, loss: float) -> None:
        self._loss = loss if self._loss is None else self._loss + loss

    def descended(self, norm: float | None) -> None:
        self._norm = norm

    def skip(self) -> None:
        self.skipped.append(self.step)

    def stepped(self, optimizer: Hashable) -> None:
        if optimizer in self._stepped:
            self._end()
        self._stepped.add(optimizer)
        if self._expected and self._stepped >= self._expected:
            self._end()

    def pass_begins(self) -> None:
        if self._stepped:
            self._end()

    def restart(self) -> None:
        """What was taken for steps was none."""
        loss, norm = self._loss, self._norm
        self.__init__()
        self._loss, self._norm = loss, norm

    def finish(self) -> None:
        """The loop is over."""
        self.pass_begins()

    def points(self) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
        """Losses and norms so far, that of the step that runs at the end."""
        if self._loss is None:
            return tuple(self.losses), tuple(self.norms)
        return (*self.losses, self._loss), (*self.norms, self._norm)

    def _end(self) -> None:
        if self._loss is not None and self.step % self.every == 0:
            self.losses.append(self._loss)
            self.norms.append(self._norm)
        if len(self.losses) >= 2 * MOST:
            self.losses, self.norms, self.every = self.losses[::2], self.norms[::2], 2 * self.every
        self.step += 1
        self._expected, self._stepped = self._expected | self._stepped if not self._expected else self._stepped, set()
        self._loss = self._norm = None

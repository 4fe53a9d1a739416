"""A loop with a tripwire: what was seen of it, in the plain values of which the report is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from nbdebug.errors import CapsuleError, first_line
from nbdebug.guard import Guarded, UsersError
from nbdebug.nonfinite.kept import capsule as capsules
from nbdebug.nonfinite.kept.parts import Parts
from nbdebug.nonfinite.kept.surroundings import text_around
from nbdebug.nonfinite.loop.put_back import put_back
from nbdebug.nonfinite.loop.retrace import Found, retrace
from nbdebug.nonfinite.loop.trip import Trip, coarse, names_of, roots_of
from nbdebug.nonfinite.loop.tripwire import Tripwire
from nbdebug.nonfinite.origin import Origin
from nbdebug.source_lines import users_frame, variables_of


class Armament:
    """The tripwire of one loop, and what it found. `listener` goes to the taps; `release` lets go of everything of the user's.

    Args:
        directory: where the failing step is written to; None: it is not.
        stop: makes the error that leaves the loop at the trip; None: the loop goes on.
    """

    def __init__(self, *, directory: str | None = None, stop: Callable[[], BaseException] | None = None) -> None:
        self.found: Found | None = None
        self.subject = ""  # what is trained, in a line
        self._directory, self._stop = directory, stop
        self._capsule, self._notes = "", ()
        self._wire = Tripwire(self._tripped)
        self.listener = Guarded(self._wire)

    @property
    def trouble(self) -> str:
        return self.listener.trouble

    @property
    def steps(self) -> int:
        """That were finite."""
        return self._wire.course.step

    def arm(self) -> None:
        """A loop begins, or goes on. After a trip there is nothing more to find."""
        if self.found is None:
            self._wire.arm()

    def release(self) -> None:
        """The loop is over."""
        if not self._wire.tripped:
            self.subject = self._wire.subject()
            self._wire.release()
            self._wire.course.finish()
        self._wire.release()

    def fields(self) -> dict[str, Any]:
        """Of the result: by name, in plain values."""
        course = self._wire.course
        losses, norms = course.points()
        found = vars(self.found) if self.found is not None else {"origin": None}
        return {
            "steps": course.step, "asked": None, "losses": losses, "gradient_norms": norms, "skipped": tuple(course.skipped),
            "every": course.every, "capsule": self._capsule, "notes": self._notes + self._said_of_all(), **found,
        }  # fmt: skip

    def _said_of_all(self) -> tuple[str, ...]:
        """What troubled the tripwire, and how far an all-clear goes."""
        steps = f"{self.steps:,} training step{'s were' if self.steps != 1 else ' was'} checked; what runs under no_grad is not"
        return (*([self.trouble] if self.trouble else []), *([steps] if self._wire.evaluated and self.found is None else []))

    def _tripped(self, trip: Trip) -> None:
        self.subject = self._wire.subject()
        try:
            self.found = retrace(trip)
        except Exception as error:  # the loop is stopped all the same: its numbers are of no use any more
            why = f"nbdebug itself failed while it repeated the step: {type(error).__name__}: {first_line(error)}"
            self.found = Found(coarse(trip, names_of(trip)), None, (), why)
        if self._directory is not None:
            self._write(trip, self.found.origin, self._directory)
        if self._stop is not None:
            self._put_back(trip)
            raise UsersError(self._stop())

    def _put_back(self, trip: Trip) -> None:
        try:
            self._notes += put_back(trip)
        except Exception as error:
            self._notes += (f"what the step spoilt could not be put back: {type(error).__name__}: {first_line(error)}",)

    def _write(self, trip: Trip, origin: Origin, directory: str) -> None:
        moment = next((m for m, _ in trip.passes.candidates(trip.frame)), None)
        snapshot, home = moment.snapshot if moment is not None else trip.passes.bare, users_frame(trip.frame)
        if snapshot is None:
            self._notes = ("the step was not written to a file: where it began is not known",)
            return
        batches = [f.batch for f in moment.batches if f.drawn is None] if moment is not None else []
        parts = Parts(_named(trip), trip.optimizers, trip.scalers)
        try:
            self._capsule = capsules.write(
                directory, parts, snapshot, step=trip.step, origin=origin, loss=trip.losses[0] if trip.losses else None,
                batch=batches[0] if len(batches) == 1 else tuple(batches), of="loop", tripped="weights" if trip.stepped is not None else trip.end,
                update=trip.before if trip.stepped is not None else None, texts=text_around(home.f_code) if home is not None else None,
            )  # fmt: skip
        except CapsuleError as error:
            self._notes = (str(error),)


def _named(trip: Trip) -> dict[str, nn.Module]:
    """The models by the names that the user calls them."""
    roots = roots_of(trip)
    if len(roots) == 1:
        return {"model": roots[0]}
    held = [item for _, home in trip.passes.candidates(trip.frame) for item in variables_of(home).items()]
    return {next((name for name, value in held if value is root), f"model {n}"): root for n, root in enumerate(roots)}

"""Where two repetitions of a training part, and how it is laid out."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.page import Curve, Note, Panel, Table

WORDS = {
    "sample": "a sample", "forward": "the forward pass", "backward": "the backward pass", "gradient": "the gradient of a parameter",
    "update": "the optimizer's step", "end": "the end: one training did more than the other",
}  # fmt: skip


@dataclass(frozen=True)
class Parting:
    """The first thing that two repetitions do not have in common."""

    step: int
    what: str  # "sample", "forward", "backward", "gradient", "update" or "end"
    name: str  # of the operator, the parameter or the sample
    place: Location
    compared: int  # things that were the same until then


@dataclass(frozen=True)
class Generator:
    """A source of random numbers that no seed for the whole process reaches."""

    name: str  # "train_loader.dataset.rng"
    matters: bool  # whether the training is another when it stands elsewhere


@dataclass(frozen=True)
class Determinism:
    """What two repetitions of the same training had in common."""

    steps: int  # that both did
    seed: int
    compared: int  # samples, results of operators, gradients and weights that were compared
    losses: tuple[tuple[float, ...], ...]  # of each repetition
    parting: Parting | None = None
    generators: tuple[Generator, ...] = ()
    untold: tuple[str, ...] = ()  # what could not be compared, in sentences

    def panels(self) -> tuple[Panel, ...]:
        """What was compared, the two curves where they part, and the generators of the user's own."""
        panels: list[Panel] = [Note("the same training, twice", self._told())]
        if self.parting is not None and len(self.losses) == 2:
            series = {f"repetition {n}": losses for n, losses in enumerate(self.losses, 1)}
            panels.append(Curve("the two losses", series, y_label="loss"))
        if self.generators:
            rows = tuple((g.name, "yes" if g.matters else "no") for g in self.generators)
            caption = "seed_everything does not reach them: seed each where it is built, and a fresh start gives the same numbers"
            panels.append(Table("generators of your own", ("generator", "the training depends on it"), rows, caption))
        return tuple(panels)

    def _told(self) -> str:
        steps = f"{self.steps} step" + "s" * (self.steps != 1)
        if self.parting is None:
            first = f"{steps}, twice from the same state and seed {self.seed}: all {self.compared:,} samples, results, gradients and weights are equal, bit for bit"
        else:
            first = f"{self.parting.compared:,} samples, results, gradients and weights are equal; then, in step {self.parting.step}, {WORDS[self.parting.what]} differs: {self.parting.name}"
        return ". ".join((first, *self.untold)) + "."

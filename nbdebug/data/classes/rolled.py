"""Labels that belong to rows elsewhere, in any order; among them those a long way off: files that were put together in another order, a `roll`, an offset of any size.

All distances are asked at once, as the learners' guesses are linear in the labels; what most of them give is the null.
"""

from __future__ import annotations

import numpy
import torch

from nbdebug.data.classes.places import Places, spread
from nbdebug.data.classes.probe import Probe
from nbdebug.data.classes.target import Target
from nbdebug.data.classes.vectors import vectors
from nbdebug.data.split import Split

ROWS = 300  # inputs that labels are guessed from
COLUMNS = 4  # of the answers
WORK = 2e9  # multiplications: a quarter of a second
AT_ONCE = 64  # distances
FAR = 8.0  # deviations of what all distances give: of 20,000 independent ones none is so far off
LONE = 2.0  # times as far as any other that is no neighbour of it: a series fits at many distances; our choice
APART = 3  # distances that count as neighbours
FEWEST = 200  # places of the dataset


class Anywhere:
    """Knows the inputs of some rows; may be asked how well labels at any other places go with them."""

    def __init__(self, split: Split, target: Target, found: Places, total: int) -> None:
        self.total, base = total, spread(numpy.arange(len(found.rows)), ROWS)
        self.positions = numpy.full(total, -1)
        self.positions[found.index] = numpy.arange(len(found.index))
        self.index = found.index[base]
        encoded = vectors((split, found.rows[base]))
        self.probe = Probe(encoded[0], self.index) if encoded is not None else None
        answers = target.answers(found.rows)[:, :COLUMNS]
        self.answers = torch.from_numpy(numpy.concatenate([answers - answers.mean(0), numpy.zeros((1, answers.shape[1]))]))  # the last: unknown

    def told(self, places: numpy.ndarray) -> torch.Tensor:
        """(S,) correlation of guess and label, of the better learner, for (n, S) places of labels; `total` and more where there is none."""
        rows = numpy.where(places < self.total, self.positions[numpy.minimum(places, self.total - 1)], -1)
        wanted = self.answers[torch.from_numpy(rows)]  # (n, S, C)
        known = torch.from_numpy(rows >= 0)[..., None]
        guesses = self.probe.guesses(wanted.reshape(len(rows), -1)).values()
        return torch.stack([_correlation(guess.view_as(wanted) * known, wanted) for guess in guesses]).amax(0)

    def best_roll(self) -> int | None:
        """The one distance, 1 .. total - 1, at which labels go with inputs, the end joined to the beginning; None where there is none."""
        total, n = self.total, len(self.index)
        if total < FEWEST or (self.positions >= 0).sum() < total / 2 or n**2 * total * self.answers.shape[1] > WORK:
            return None
        shifts = [numpy.arange(start, min(total, start + AT_ONCE)) for start in range(0, total, AT_ONCE)]
        told = torch.cat([self.told((self.index[:, None] + some) % total) for some in shifts])
        middle = told.median()
        z = (told - middle) / (1.4826 * (told - middle).abs().median()).clamp(min=1e-9)
        best = int(z[1:].argmax()) + 1
        distance = (numpy.arange(total) - best) % total
        others = z[torch.from_numpy(numpy.minimum(distance, total - distance) > APART)]
        return best if float(z[best]) >= max(FAR, LONE * float(others.max())) else None


def _correlation(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    size = (a.square().sum((0, 2)) * b.square().sum((0, 2))).sqrt()
    return (a * b).sum((0, 2)) / size.clamp(min=1e-12)

"""The row of sizes: doubled until one does not fit, then the gap narrowed, then the best timed again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nbdebug.errors import StepError
from nbdebug.instruments.batch_size.accumulation import FEW, accumulated, has_batch_norm
from nbdebug.instruments.batch_size.foresight import fitting, foreseen
from nbdebug.instruments.batch_size.rates import scaled
from nbdebug.instruments.batch_size.result import (
    FITS,
    NO_MARGIN,
    NOT_TRIED,
    OUT_OF_MEMORY,
    RAISED,
    BatchSizes,
    Size,
)
from nbdebug.instruments.batch_size.trying import Trying
from nbdebug.step_cost import Batches, rates_at_zero
from nbdebug.step_cost.clock import LEAST
from nbdebug.training_setup import TrainingSetup

MARGIN = 0.1  # of the limit that stays free: fragments, longer samples, what the profiler does not see; our choice
NARROW = 1 / 8  # of a size: so near the largest that fits is looked for
NARROWINGS = 6  # sizes tried for it at most
REPEATING = 0.25  # seconds for the repetitions of a size, where a step takes less
WORTH_ASKING = 0.7  # of the best rate: such a size is timed again; our choice
AGAIN = 25  # rounds of that


@dataclass
class Search:
    """What was measured so far, and what is to be tried next."""

    setup: TrainingSetup
    batches: Batches
    most: int | None
    until: float  # time.perf_counter() at which the budget is over
    limit: float | None = None
    limit_from: str = ""
    sizes: dict[int, Size] = field(default_factory=dict)
    ended: str = ""

    def __post_init__(self) -> None:
        self.trying = Trying(self.setup, self.batches)

    def run(self, wanted: int | None) -> Iterator[BatchSizes]:
        yield self._result()
        with rates_at_zero(self.setup):
            for _ in self._doubled():
                yield self._result()
            for _ in self._narrowed():
                yield self._result()
            for _ in self._again():
                yield self._result()
        yield self._concluded(wanted)

    # -- which sizes ------------------------------------------------------------------------------------------

    def _doubled(self) -> Iterator[None]:
        """1, 2, 4, … and the user's own, until one does not fit."""
        samples: int | None = 1
        while samples is not None:
            size = self._next(samples)
            if size is None:
                return
            self.sizes[samples] = size
            yield
            if size.outcome in (OUT_OF_MEMORY, NOT_TRIED):
                self.ended = f"{samples:,} samples do not fit"
                return
            if size.outcome == RAISED and samples >= self._own:
                if samples == self._own and not self._measured():
                    raise StepError(size.why)
                self.ended = f"{samples:,} samples: {size.why}"
                return
            samples = self._own if size.outcome == RAISED and 1 < samples < self._own else self._after(samples)

    def _after(self, samples: int) -> int | None:
        following = self._own if samples < self._own < 2 * samples else 2 ** samples.bit_length()
        if self.most is not None and following > self.most:
            if samples == self.most:
                self.ended = f"there are no more than {self.most:,} samples to make a batch of"
                return None
            return self.most
        return following

    def _narrowed(self) -> Iterator[None]:
        """Between the largest that leaves the margin and the smallest that does not."""
        for _ in range(NARROWINGS):
            good = max((n for n, s in self.sizes.items() if s.outcome == FITS), default=None)
            bad = min((n for n, s in self.sizes.items() if s.outcome in (NO_MARGIN, OUT_OF_MEMORY, NOT_TRIED)), default=None)
            samples = None if good is None or bad is None else self._between(good, bad)
            if samples is None:
                return
            size = self._next(samples)
            if size is None:
                return
            self.sizes[samples] = size
            yield

    def _between(self, good: int, bad: int) -> int | None:
        """Where the line says that the margin is just left; halfway where an error and not the limit ended it. None: near enough."""
        guess = fitting(self._measured(), self._room) if self._room is not None and self.sizes[bad].outcome != OUT_OF_MEMORY else None
        end = bad if guess is None else min(bad, guess + 1)
        if end - good <= max(1, int(NARROW * good)):
            return None
        step = 8 if good >= 64 else 1
        return max(good + 1, ((good + bad) // 2 if guess is None else min(bad - 1, guess)) // step * step)

    def _again(self) -> Iterator[None]:
        """The sizes that the answer may name, timed once more and by turns: the machine may have been busy with something else."""
        result = self._result()
        best = result.fastest
        if best is None or best.rate is None:
            return
        near = {s.samples for s in result.sizes if s.outcome == FITS and (s.rate or 0.0) > WORTH_ASKING * best.rate}
        named = sorted(near | {s.samples for s in (result.largest, self.sizes.get(self._own)) if s is not None and s.seconds})
        a_round = sum(self.sizes[samples].seconds or 0.0 for samples in named)
        rounds = min(AGAIN, int((self.until - time.perf_counter()) / 2 / max(a_round, 1e-6)))
        if rounds >= LEAST:
            self.sizes.update(self.trying.timed_by_turns([self.sizes[samples] for samples in named], rounds))
            yield

    # -- one size ---------------------------------------------------------------------------------------------

    def _next(self, samples: int) -> Size | None:
        """The size, measured or foreseen not to fit; None when the time is over."""
        needed = self._foreseen(samples)
        if needed is None and self.limit is not None and self.trying.held > self.limit:
            return Size(samples, NOT_TRIED, self.trying.held, predicted=True, why="weights and optimizer alone take more than that")
        if needed is not None and self.limit is not None and needed > self.limit:
            return Size(samples, NOT_TRIED, needed, predicted=True)
        if self._seconds(samples) > self.until - time.perf_counter():
            self.ended = f"there was no time to try {samples:,} samples: a larger budget= tries them"
            return None
        return self.trying.tried(samples, room=self._room, seconds=min(REPEATING, max(0.0, self.until - time.perf_counter()) / 4))

    def _foreseen(self, samples: int) -> float | None:
        """Bytes, of the two peaks apart: one grows with the batch and one does not, and together they have a bend."""
        both = ({n: getattr(s, peak) for n, s in self.sizes.items() if getattr(s, peak) is not None} for peak in ("walking", "updating"))
        ahead = [foreseen(measured, samples, self.trying.held) for measured in both]
        return max((needed for needed in ahead if needed is not None), default=None)

    def _seconds(self, samples: int) -> float:
        """What trying a size will take: two steps for the bytes and three for the seconds, each in proportion."""
        known = [s for s in self.sizes.values() if s.seconds]
        if not known:
            return 0.0
        last = max(known, key=lambda size: size.samples)
        return 5 * (last.seconds or 0.0) * samples / last.samples

    @property
    def _own(self) -> int:
        return self.batches.own or 1

    @property
    def _room(self) -> float | None:
        """Bytes within which the margin is left: of the limit, or of the most that was there before memory was short."""
        seen = [s.needed for s in self.sizes.values() if s.needed and not s.predicted]
        short = any(s.outcome == OUT_OF_MEMORY for s in self.sizes.values())
        top = min([self.limit] * (self.limit is not None) + ([max(seen)] if short and seen else []), default=None)
        return None if top is None else (1 - MARGIN) * top

    def _measured(self) -> dict[int, float]:
        return {n: s.needed for n, s in self.sizes.items() if s.needed is not None and not s.predicted}

    # -- what it comes to -------------------------------------------------------------------------------------

    def _result(self) -> BatchSizes:
        room = self._room
        judged = (
            replace(s, outcome=NO_MARGIN if room is not None and (s.needed or 0.0) > room else FITS) if s.outcome in (FITS, NO_MARGIN) else s
            for s in self.sizes.values()
        )
        rows = tuple(sorted(judged, key=lambda size: size.samples))
        return BatchSizes(
            self.batches.own, self.limit, self.limit_from, MARGIN, self.trying.held, rows, self.ended, self.batches.how,
            notes=tuple(self._notes()),
        )  # fmt: skip

    def _concluded(self, wanted: int | None) -> BatchSizes:
        result = self._result()
        largest, enough = result.largest, result.enough
        named = [size.samples for size in (enough, largest) if size is not None] + ([wanted] if wanted else [])
        others = tuple(sorted({n for n in named if n != self._own}))
        made = accumulated(self.setup, wanted, largest.samples, self._part(result)) if wanted and largest is not None else None
        return replace(result, rates=tuple(scaled(self.setup, self._own, others)), accumulated=made)

    def _part(self, result: BatchSizes) -> int:
        """Samples of a part of an accumulated batch: as many as are fast, and no fewer than the user has now where these fit."""
        fast, most = result.enough, result.largest.samples if result.largest is not None else 1
        return min(most, max(fast.samples if fast is not None else most, self._own))

    def _notes(self) -> Iterator[str]:
        if self.trying.step.left_out:
            yield self.trying.step.left_out
        small = [n for n, s in self.sizes.items() if s.outcome == RAISED and n < self._own]
        if small:
            yield f"a batch of {small[0]} raised: {self.sizes[small[0]].why}"
        if has_batch_norm(self.setup.model):
            yield (
                f"the model has batch-norm, whose statistics are poor below some {FEW} samples, however fast such a batch is "
                "(Wu & He 2018, arXiv 1803.08494)"
            )
        if self.setup.device.type == "cuda":
            yield "while this was measured the weights were there twice, so a little more may fit; torch.cuda's peak counter was set back"

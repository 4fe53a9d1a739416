"""What was seen before a run, in plain values."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.page import Note, Panel, Table


@dataclass(frozen=True)
class Unreached:
    """A trainable parameter that the loss did not depend on."""

    parameter: str
    batches: int  # in so many of those that were looked at


@dataclass(frozen=True)
class Normed:
    """A batch-norm layer that takes its statistics of one rank's batch."""

    module: str
    kind: str  # "BatchNorm2d"
    samples: int  # in the batch of one rank


@dataclass(frozen=True)
class Shared:
    """Samples that are divided among ranks by the user's own code already."""

    where: str  # "train_loader.batch_sampler"
    kind: str  # class of what divides
    how: str  # "holds a DistributedSampler for 2 ranks", "gives rank 1 other samples than rank 0"


@dataclass(frozen=True)
class Memory:
    """An estimate, in bytes."""

    weights: int  # with buffers
    gradients: int  # with the copies that are averaged
    optimizer: int
    activations: int | None  # kept for the backward pass of one batch; None: not measured
    free: int | None  # for all ranks of this machine together, or on one GPU
    ranks: int  # that share it

    @property
    def needed(self) -> int:
        """Of all ranks that share it."""
        return self.ranks * (self.weights + self.gradients + self.optimizer + (self.activations or 0))


@dataclass(frozen=True)
class Preflight:
    """What a training would meet in several processes."""

    processes: int
    batch_size: int | None  # of one rank; None: nobody knows
    accumulate: int
    batches: int  # that were looked at
    unreached: tuple[Unreached, ...] = ()
    whole: bool = True  # whether the ranks are told beforehand which parameters a batch leaves out
    norms: tuple[Normed, ...] = ()
    synced: bool = False  # whether batch-norm layers are to take their statistics over all ranks
    shared: tuple[Shared, ...] = ()
    memory: Memory | None = None
    untried: str = ""  # why no batch was passed
    unread: str = ""  # why it is not known whether samples are divided already

    @property
    def effective(self) -> int | None:
        """Samples of one update, over all ranks."""
        return None if self.batch_size is None else self.batch_size * self.processes * self.accumulate

    def panels(self) -> tuple[Panel, ...]:
        rows: list[tuple[str, str | int]] = [("processes", self.processes), ("samples of a rank's batch", self.batch_size if self.batch_size is not None else "not known")]
        if self.effective is not None:
            rows.append(("samples of an update", self.effective))
        found: list[Panel] = [Table("the run", ("what", "how many"), tuple(rows), caption=self._rate())]
        if self.memory is not None:
            found.append(_memory(self.memory))
        return tuple(found)

    def _rate(self) -> str:
        """Of the learning rate, which only its user can judge."""
        if self.effective is None or self.effective == self.batch_size:
            return ""
        factor = self.effective // self.batch_size  # type: ignore[operator]
        return f"each update takes {factor} times the samples of one batch: a learning rate that was found on one process is often scaled with it (Goyal et al., 2017), with a warm-up"


def _memory(memory: Memory) -> Panel:
    parts = [("weights and buffers", memory.weights), ("gradients", memory.gradients), ("optimizer", memory.optimizer)]
    if memory.activations is not None:
        parts.append(("kept for the backward pass", memory.activations))
    rows = [(name, _megabytes(bytes_)) for name, bytes_ in parts]
    rows.append((f"together, {memory.ranks} ranks" if memory.ranks > 1 else "together", _megabytes(memory.needed)))
    if memory.free is None:
        return Table("memory, MB", ("what", "about"), tuple(rows))
    rows.append(("free now", _megabytes(memory.free)))
    if memory.needed <= memory.free:
        return Table("memory, MB", ("what", "about"), tuple(rows))
    said = f"about {_megabytes(memory.needed):,} MB are needed and {_megabytes(memory.free):,} MB are free: a smaller batch, or fewer processes"
    return Note("memory", said)


def _megabytes(bytes_: int) -> int:
    return round(bytes_ / 1e6)

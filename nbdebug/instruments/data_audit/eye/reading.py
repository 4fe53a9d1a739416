"""One pass over a loader, in its own order and within a time box; what it shows is kept in tallies."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from numbers import Integral
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler
from torch.utils.data.distributed import DistributedSampler

from nbdebug import batch as batches
from nbdebug.data.gathering import Gather
from nbdebug.data.no_model import NoModel
from nbdebug.data.sources import Source
from nbdebug.errors import BatchError, StepError
from nbdebug.instruments.data_audit.eye.first_layers import Receiver, first_layers
from nbdebug.instruments.data_audit.eye.members import (
    Member,
    kept_from_the_model,
    members,
    scored,
    size_of,
    text_targets,
    told_to_the_loss,
)
from nbdebug.instruments.data_audit.eye.pulls import pull_of_classes
from nbdebug.instruments.data_audit.eye.tallies import FieldTally, LabelTally, Place
from nbdebug.instruments.data_audit.eye.trial import Attempt, Trial, try_loss
from nbdebug.instruments.data_audit.result import IDS, Broke, LoaderLook
from nbdebug.loading import Delivered, Lost, line_of_cause, read, rewinds
from nbdebug.source_lines import location_fields
from nbdebug.training_setup import TrainingSetup

EYE_BATCHES = 50  # that loss and layers are compared with in any case
EPOCH = 2000  # draws of a sampler that two epochs are compared by
BEGUN, COPIED = 32, 2**28  # batches that two passes are compared by, and bytes of a loader's own that are copied for it
MIXES = re.compile(r"shuffle|permut|epoch|resample|reset", re.IGNORECASE)  # methods by which a training brings another order
READ_TWICE, ANEW = 8, 0.7  # samples, and how far apart two readings of one lie beside two samples: an augmented one comes nearer to itself; our choice
EYE_SHARE = 0.25  # of the time, after those


class Reading:
    """A pass that is under way: every batch is gathered, and looked at with the model's eye while that costs little.

    The first batch is also tried, to learn what loss and first layers get.
    """

    def __init__(self, setup: TrainingSetup, source: Source, field: str, *, batches: int | None, seconds: float | None) -> None:
        self.setup, self.name, self.limit, self.seconds = setup, source.name, batches, seconds
        self.loader: Iterable[Any] = getattr(setup, field)
        self.modelled = not isinstance(setup.model, NoModel)
        self.gather = Gather(source, setup.model if self.modelled else None)
        self.eyed = 0.0  # seconds
        self.tallies: dict[str, FieldTally] = {}
        self.receivers: list[Receiver] = []
        self.loss: float | None = None
        self.step_error = ""
        self.number, self.samples, self.whole = 0, 0, False
        self.ended = False  # at the cap or at the end, and in time
        self.structure, self.text_targets, self.error = "", "", ""
        self.raised = False
        self.repeats: bool | None = None  # None: not asked yet
        self.anew: bool | None = None  # likewise
        self.broken: list[Lost] = []  # batches of another structure, and what reading ended at
        self.first: list[Member] = []
        self.withheld: tuple[str, ...] = ()

    def run(self) -> Iterator[None]:
        """Reads batch by batch and pauses after each; stops at the cap, at the time box, or at the end."""
        started = time.perf_counter()
        delivered = self._delivered()
        taken = 0
        for one in islice(delivered, self.limit):
            self._seen_by_the_model(one, started)
            self.gather.take(one)
            self._tell()
            taken += 1
            yield
            if self.seconds is not None and time.perf_counter() - started > self.seconds:
                return
        self.ended = True
        self.gather.whole = self.limit is None or taken < self.limit or next(delivered, None) is None
        self._tell()
        self.whole = self.gather.whole and self.number == self.gather.batches

    def _delivered(self) -> Iterator[Delivered]:
        """What can be read; with a note of where it ends, where that is not the end of the loader."""
        number = -1
        try:
            for one in read(self.loader, self.name, lost=self.gather.lost, own=self.modelled):
                number = one.number
                yield one
        except StepError as error:
            if error.__cause__ is not None and all(lost.batch <= number for lost in self.gather.lost):
                self.broken.append(Lost(number + 1, None, str(error), line_of_cause(error)))
            raise

    def _seen_by_the_model(self, one: Delivered, started: float) -> None:
        try:
            self._look_at(one, started)
        except BatchError as error:  # of a batch of another structure: a training would end there, this pass does not
            self.broken.append(Lost(one.number, None, str(error)))
            if not self.gather.batches:
                raise

    def _tell(self) -> None:
        """What ends a training, and not this pass."""
        if (first := self._first_broken()) is not None:
            self.error, self.raised = first.error, True

    def _first_broken(self) -> Lost | None:
        """Of two in a batch the sample, which was read before it."""
        return min([*self.gather.lost, *self.broken], key=lambda lost: lost.batch, default=None)

    def _broke(self) -> Broke | None:
        first = self._first_broken()
        if first is None:
            return None
        samples = [lost.index for lost in self.gather.lost if lost.index is not None]
        where = {"file": "", "line": None, "cell": None} | location_fields(first.line)
        return Broke(
            batch=first.batch, index="" if first.index is None else str(first.index), error=first.error, samples=len(samples),
            batches=len(self.gather.lost) - len(samples) + len(self.broken), read=self.gather.samples + len(samples),
            ids=tuple(int(index) for index in samples if isinstance(index, Integral))[:IDS], **where,
        )  # fmt: skip

    def _look_at(self, one: Delivered, started: float) -> None:
        before = time.perf_counter()
        if not self.modelled or (one.number >= EYE_BATCHES and self.eyed > EYE_SHARE * (before - started)):
            return
        self._take(one)
        self.eyed += time.perf_counter() - before

    def look(self) -> LoaderLook:
        """What has been seen so far, in plain values."""
        kind, called = sampler_of(self.loader)
        if self.repeats is None and self.ended:
            self.repeats = same_order_twice(self.loader)
        if self.anew is None and self.whole and kind == "sequential":
            self.anew = drawn_anew(self.loader)
        number, samples, whole = self.number, self.samples, self.whole
        if not self.modelled:
            number, samples, whole = self.gather.batches, self.gather.samples, self.gather.whole
        return LoaderLook(
            name=self.name, batches=number, samples=samples, whole=whole,
            rewinds=rewinds(self.loader), sampler=kind, sampler_name=called, repeats=bool(self.repeats), structure=self.structure,
            text_targets=self.text_targets, fields=tuple(tally.look() for tally in self.tallies.values()),
            error=self.error, stopped=bool(self.gather.stopped), broke=self._broke() if self.raised else None,
            withheld=self.withheld, anew=bool(self.anew),
        )  # fmt: skip

    def _take(self, one: Delivered) -> None:
        found = members(one.batch, self.setup)
        place = Place(one.number, one.indices, size_of(found, one.indices), of_samples=_makes_batches(self.loader))
        trial = self._begin(one.batch, found) if self.number == 0 else None
        self.number, self.samples = self.number + 1, self.samples + (place.size or 0)
        curious = [m for m in found if m.name in self.tallies and self.tallies[m.name].add(m, place)]
        if curious:
            trial = trial or try_loss(self.setup, one.batch)
            for member in curious:
                self.tallies[member.name].tried(trial, member)

    def _begin(self, batch: Any, found: list[Member]) -> Trial:
        self.first, self.structure = found, batches.describe(batch)
        self.text_targets = text_targets(batch, self.setup)
        trial = try_loss(self.setup, batch)
        self.loss, self.step_error = trial.value, trial.error
        root = trial.tape.root if trial.tape is not None else None
        given = None if root is None else [root.args, root.kwargs]
        self.gather.targets += scored(batch, self.setup, [attempt.targets for attempt in trial.attempts], given)
        self.gather.told += told_to_the_loss(found, [length for attempt in trial.attempts for length in attempt.lengths])
        self.withheld = kept_from_the_model(trial.tape, found)
        self.receivers = first_layers(trial.tape, found) if trial.tape is not None else []
        convolved = {r.layer.field for r in self.receivers if r.layer.function.startswith("conv")}
        for member in found:
            labels = _labels(trial, member, found, self.setup.loss_fn)
            self.tallies[member.name] = FieldTally.of(member, labels, channels_first=member.name in convolved)
        return trial


def _makes_batches(loader: Iterable[Any]) -> bool:
    """Whether batches are put together from samples; a list may as well hold sequences or graphs, one at a time."""
    ready_made = isinstance(loader, (list, tuple)) or (isinstance(loader, DataLoader) and loader.batch_sampler is None)
    return not ready_made


def sampler_of(loader: Iterable[Any]) -> tuple[str, str]:
    """Whether the loader draws in order: "sequential", "random", "own" or "unknown"; and the sampler's name."""
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return "unknown", type(loader).__name__
    outer = loader.batch_sampler
    if outer is not None and type(outer) is not BatchSampler:
        return "own", type(outer).__name__
    sampler = loader.sampler
    while type(sampler) is BatchSampler:
        sampler = sampler.sampler
    name = type(sampler).__name__
    if isinstance(sampler, SequentialSampler) or (isinstance(sampler, DistributedSampler) and not sampler.shuffle):
        return "sequential", name
    return ("random" if type(sampler).__module__.startswith("torch.utils.data") else "own"), name


def same_order_twice(loader: Iterable[Any]) -> bool:
    """Whether a sampler of the user's own gives two epochs in one order; asked of a copy, so that its generator is not advanced."""
    kind = sampler_of(loader)[0]
    if kind == "unknown":
        return _same_pass_twice(loader)
    if kind != "own":
        return False
    outer = loader.batch_sampler
    sampler = outer if outer is not None and type(outer) is not BatchSampler else loader.sampler
    if hasattr(sampler, "set_epoch"):
        return False
    shared = [loader.dataset, *(part for part in getattr(sampler, "__dict__", {}).values() if isinstance(part, Dataset))]
    try:
        twin = copy.deepcopy(sampler, {id(part): part for part in shared})
        first, second = (list(islice(twin, EPOCH)) for _ in range(2))
        return str(first) == str(second)
    except Exception:  # a sampler that cannot be copied, or be read twice
        return False


def _same_pass_twice(loader: Iterable[Any]) -> bool:
    """Whether a loader of the user's own class begins two passes with the same batches; nor may it offer to be mixed, or told the epoch, from outside."""
    parts = list(getattr(loader, "__dict__", {}).values())
    offers = (name for name in dir(type(loader)) if callable(getattr(loader, name, None)))
    if isinstance(loader, (DataLoader, Iterator)) or not parts or any(MIXES.search(name) for name in offers) or sum(map(_held, parts)) > COPIED:
        return False
    try:
        twin = copy.deepcopy(loader, {id(part): part for part in parts if isinstance(part, (Dataset, Module))})
        passes = [[_parts(batch) for batch in islice(twin, BEGUN)] for _ in range(2)]
        pairs = [(one, other) for batches_ in zip(*passes, strict=True) for one, other in zip(*batches_, strict=True)]
        return bool(pairs) and all(torch.equal(one, other) for one, other in pairs)
    except Exception:  # one that cannot be copied, or be read twice
        return False


def _held(part: Any) -> int:
    """Bytes of what a copy would take, roughly."""
    return int(getattr(part, "nbytes", 0) or 0) if not isinstance(part, (list, tuple, dict)) else 1000 * len(part)


def drawn_anew(loader: Any) -> bool:
    """Whether a dataset makes its samples up as they are read: the same one read twice is as unlike in all its parts as two are. Then an epoch in order brings other samples each time."""
    try:
        once, again = ([_parts(loader.dataset[index]) for index in range(READ_TWICE + 1)] for _ in range(2))
        same = [_apart(one, other) for one, other in zip(once, again, strict=True)]
        next_one = [_apart(one, other) for one, other in itertools.pairwise(once)]
    except Exception:  # a sample that cannot be read is told elsewhere; those of several shapes are not compared
        return False
    columns = list(zip(*same, strict=True)), list(zip(*next_one, strict=True))
    return bool(columns[0]) and all(0 < ANEW * sum(others) <= sum(own) for own, others in zip(*columns, strict=True))


def _parts(sample: Any) -> list[Tensor]:
    return [tensor.double() for _, tensor in batches.tensors(sample)]


def _apart(one: list[Tensor], other: list[Tensor]) -> list[float]:
    return [float((left - right).abs().mean()) for left, right in zip(one, other, strict=True)]


def _labels(trial: Trial, member: Member, found: list[Member], loss_fn: Any) -> LabelTally | None:
    attempt = trial.link(member)
    if attempt is not None and attempt.value is None and not bool(attempt.outside(attempt.targets.detach()).any()):
        return None  # the loss could not take them at all, for another reason than their values
    if attempt is None:
        attempt = _looks_like_classes(trial, member, found)
    if attempt is None or not attempt.kind:
        return None
    plain, head = trial.is_plain(attempt), trial.head(attempt)
    kept = dataclasses.replace(attempt, prediction=attempt.prediction.detach(), value=None)  # without its graph
    pulls = None if plain or attempt.kind != "classes" or attempt.options.get("weight") is not None or member.tensor.ndim != 1 else pull_of_classes(loss_fn, attempt.classes or 0, member.tensor)
    if pulls is not None:
        kept = dataclasses.replace(kept, options={**kept.options, "weight": pulls})
    return LabelTally(kept, plain, head, pulled=pulls is not None)


def _looks_like_classes(trial: Trial, member: Member, found: list[Member]) -> Attempt | None:
    """For a loss of the user's own: whole numbers, one a sample, each of which is an output of the head."""
    root = trial.tape.root if trial.tape is not None else None
    labels, alone = member.tensor, [m for m in found if m.role == "target"] == [member]
    if trial.attempts or root is None or not root.returned or not alone or not _integers(labels) or labels.ndim != 1:
        return None
    predicted = batches.prediction(root.output)
    if predicted is None or predicted.ndim != 2 or len(predicted) != len(labels) or predicted.shape[1] < 2:
        return None
    attempt = Attempt("", predicted, labels)
    return None if bool(attempt.outside(labels).any()) else attempt


def _integers(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)

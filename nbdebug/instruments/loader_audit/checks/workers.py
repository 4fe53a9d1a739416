"""Do workers, or epochs, repeat each other? Do samples raise?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbdebug.data.running import LoaderRun, Raised, Remembered, Reseeded, Restarted, WorkerLook
from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.loader_audit.checks.asked import demand_answered, demand_read
from nbdebug.instruments.loader_audit.measure import loader_audit
from nbdebug.instruments.loader_audit.result import LoaderLooks

SHARED = 0.9  # of one worker's samples that came from another too


@loader_audit.check("ND109", "worker rng", severity=WARNING)
def worker_rng(looks: LoaderLooks) -> Iterator[Seen]:
    """Workers, or epochs, repeat the same random augmentation.

    Wrong: a generator that the dataset made in __init__ is copied into every worker, so that all of them draw the same numbers, and
        again in every epoch: the augmentation has a fraction of the variety it seems to have. An iterable dataset that does not ask
        get_worker_info() is delivered whole by every worker.
    Seen: a twin of the loader with real workers reads the same few samples in each worker and in two epochs. Samples that differ when
        they are read again in one process, but come out equal in two workers or two epochs, repeat; so many are read that chance
        would do it less than once in 10,000 times. Nor may a stream seed anew in every pass, while a generator of its own stands idle. Nor may a cache hand out the first draw again: with it out of the way the readings differ. Nor may reading any sample seed a generator with one number, as that of torch or NumPy,
        or one of its own that validation does without; nor with one that goes by the sample, where a validation set of the same class does without.
        Deterministic datasets are sound.
    Where: the loader and its dataset.
    Try: draw from torch's generator, which differs in every worker and epoch, or seed the dataset's own in worker_init_fn from
        torch.initial_seed(); in an iterable dataset take every n-th sample by get_worker_info().
    Bad:
        import numpy

        class Noisy(torch.utils.data.Dataset):
            def __init__(self):
                self.rng = numpy.random.default_rng(0)

            def __len__(self):
                return len(inputs)

            def __getitem__(self, i):
                return inputs[i] + 0.01 * torch.from_numpy(self.rng.normal(size=64)).float(), targets[i]

        train_loader = DataLoader(Noisy(), batch_size=32, shuffle=True, num_workers=2)
    Good:
        class Noisy(torch.utils.data.Dataset):
            def __len__(self):
                return len(inputs)

            def __getitem__(self, i):
                return inputs[i] + 0.01 * torch.randn(64), targets[i]

        train_loader = DataLoader(Noisy(), batch_size=32, shuffle=True, num_workers=2)
    Source: pytorch/pytorch issue 5059; torch.utils.data, "Randomness in multi-process data loading". Measured on torch 2.13: the global
        generators of Python and NumPy are seeded for each worker, a generator of the dataset's own is not.
    """
    run = looks.train
    if run.reseeded is not None and _is_meant_to_vary(looks, run.reseeded):
        yield _reseeding(run, run.reseeded)
        return
    if run.restarted is not None:
        yield _restarting(run, run.restarted)
        return
    if run.remembered is not None:
        yield _remembering(run, run.remembered)
        return
    demand_answered(run, "repeated", "worker", "reseeded")
    if run.why_no_workers and (run.repeated is None or run.repeated.random):
        raise NotChecked(run.why_no_workers)
    if run.worker is None:
        if run.why_not and not run.settled and run.workers:
            raise NotChecked(f"{run.name}: {run.why_not}")
        if not run.settled:
            demand_read(run, run.repeated.read if run.repeated is not None else 0, run.wanted)
        return
    yield from _repeating(run, run.worker)


def _is_meant_to_vary(looks: LoaderLooks, seen: Reseeded) -> bool:
    """Whether it is the generator of everybody, or validation does without: then the numbers are those of an augmentation."""
    val = looks.val
    if seen.of_all or val is None or val.why_not and not val.settled:
        return seen.of_all
    return val.reseeded is None and (not seen.each or val.dataset == looks.train.dataset)


def _reseeding(run: LoaderRun, seen: Reseeded) -> Seen:
    if seen.each:
        message = f"{_doing(run)} calls {seen.function}({seen.seed}), with a seed that goes by the sample alone: each gets the same random numbers in every epoch"
        place = Location(file=seen.file, line=seen.line, cell=seen.cell, detail=f"{run.name}, {run.dataset}")
        return Seen(message, place, {"seed": seen.seed, "samples": seen.samples}, advice="seed it from torch's random numbers, which go on from epoch to epoch")
    message = (
        f"{_doing(run)} calls {seen.function}({seen.seed}), and so did each of {seen.samples} samples: all of them get the same random numbers, in every epoch"
    )
    place = Location(file=seen.file, line=seen.line, cell=seen.cell, detail=f"{run.name}, {run.dataset}")
    advice = "make the generator once, in __init__, or draw from torch's" if not seen.of_all else "seed once, before the training"
    return Seen(message, place, {"seed": seen.seed, "samples": seen.samples}, advice=advice)


def _restarting(run: LoaderRun, seen: Restarted) -> Seen:
    message = (
        f"every pass over {run.dataset} calls {seen.function}({seen.seed}), so that the same {seen.samples} samples came again under other random numbers; "
        f"{seen.idle}, which would go on from epoch to epoch, stands idle beside it"
    )
    place = Location(file=seen.file, line=seen.line, cell=seen.cell, detail=f"{run.name}, {run.dataset}.__iter__")
    return Seen(message, place, {"seed": seen.seed, "samples": seen.samples}, advice=f"draw from {seen.idle}, or seed from torch's random numbers, which go on from epoch to epoch")


def _remembering(run: LoaderRun, seen: Remembered) -> Seen:
    message = (
        f"{seen.name} remembers what was drawn: each of {seen.samples} samples came out the same under other random numbers, and otherwise when the cache is "
        "out of the way, so that every epoch repeats the random samples of the first"
    )
    place = Location(file=seen.file, line=seen.line, detail=f"{run.name}, {run.dataset}")
    return Seen(message, place, {"samples": seen.samples}, advice="remember what is read from disk, and draw after it, for each reading anew")


def _doing(run: LoaderRun) -> str:
    return "putting samples together" if run.dataset == "TensorDataset" else "reading a sample"  # that one calls nothing


def _repeating(run: LoaderRun, seen: WorkerLook) -> Iterator[Seen]:
    place = Location(detail=f"{run.name}, {run.dataset}, num_workers={seen.workers}")
    same = {"same_in_workers": seen.same_in_workers, "same_in_epochs": seen.same_in_epochs}
    evidence = {"workers": seen.workers, "draws": seen.draws, **same}
    if seen.same_stream > SHARED:
        message = (
            f"workers deliver the same samples: {seen.same_stream:.0%} of what one of them gave came from another too, "
            f"so that each is seen {seen.workers} times an epoch"
        )
        advice = "in __iter__ ask torch.utils.data.get_worker_info() and take every num_workers-th sample, from id on"
        yield Seen(message, place, {**evidence, "same_stream": seen.same_stream}, advice=advice)
        return
    if not seen.same_in_workers and not seen.same_in_epochs:
        return
    who = " and ".join(word for word, same in (("workers", seen.same_in_workers), ("epochs", seen.same_in_epochs)) if same)
    where = "in two workers" if seen.same_in_workers else "in two epochs"
    example = f" (means {seen.example} in both)" if seen.example else ""
    message = (
        f"{who} repeat the same random samples: {seen.draws} of {seen.draws} readings came out equal {where}{example}, "
        "while in one process each reading differs"
    )
    if seen.supposed:
        message = f"with num_workers=2 {message}"
    yield Seen(message, place, evidence, severity=INFO if seen.supposed else None, advice=_seeding(seen))


def _seeding(seen: WorkerLook) -> str:
    if seen.same_in_epochs and not seen.same_in_workers:
        return "seed from torch.initial_seed(), which differs in every worker and epoch, and not from a fixed number"
    return "draw from torch's generator, or make the dataset's own in worker_init_fn from torch.initial_seed()"


@loader_audit.check("ND312", "the step raises", severity=ERROR, advice="look at that sample, or skip it in the dataset")
def loader_raises(looks: LoaderLooks) -> Iterator[Seen]:
    """A sample, a collate function or a worker that raises; the page is that of the first step."""
    for run in looks.loaders:
        alike: dict[tuple[Any, ...], list[Raised]] = {}
        for raised in run.raised:
            if raised.only_in_workers or not looks.brief:
                kind = raised.error.partition(":")[0] if raised.line is not None else raised.error
                alike.setdefault((kind, raised.file, raised.line, raised.cell, raised.only_in_workers), []).append(raised)
        yield from (_raising(run, several) for several in alike.values())


def _raising(run: LoaderRun, several: list[Raised]) -> Seen:
    """What raised in one line, told once."""
    first = several[0]
    where = Location(file=first.file, line=first.line, cell=first.cell, detail=f"{run.name}, {first.where}")
    message = f"{first.where} raised {first.error}"
    message += f", and {len(several) - 1} more raised there" if len(several) > 1 else ""
    evidence = {"only_in_workers": first.only_in_workers, "raised": len(several)}
    if not first.only_in_workers:
        return Seen(message, where, evidence)
    advice = "what the dataset holds may not live in another process: open files and connections there"
    return Seen(f"{message}: it works in this process", where, evidence, advice=advice)

"""The checks of a training that is to run in several processes."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.preflight.instrument import preflight
from nbdebug.instruments.preflight.result import Preflight

TINY = 4  # samples; Wu and He, 2018: batch norm over 8 and more images a worker is sound, over 4 and 2 the error rises steeply
ONE = "the run has one process"
NAMED = 3


@preflight.check("ND803", "samples divided twice", severity=ERROR, advice="leave the division to the run: pass the loader as it is for one process, with a plain sampler")
def divided_twice(seen: Preflight) -> Iterator[Seen]:
    """A loader that gives each rank its share already; the run divides that share once more.

    Wrong: of the samples only a part is ever read, and the rest not in any epoch. Nothing fails, the epochs are only short.
    Seen: the sampler, or the iterable dataset, is read as if this process were rank 0 of two and as if it were rank 1, with the same random numbers;
        what differs divides by itself. Of samplers whose order is not torch's own a DistributedSampler is looked for that they hold. One that stands
        where torch puts it, DataLoader(sampler=DistributedSampler(...)), is understood and no trouble.
    Where: the sampler or the dataset.
    Try: shuffle=True in place of it; in a loop of your own (`train(ctx)`) ctx.loader(dataset, …) divides, or your sampler alone.
    Bad:
        from torch.utils.data import DistributedSampler, Sampler
        class Buckets(Sampler):
            def __init__(self, count):
                self.order = DistributedSampler(range(count), num_replicas=2, rank=0)
            def __iter__(self):
                yield from torch.tensor(list(self.order)).split(16)
            def __len__(self):
                return len(self.order) // 16
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_sampler=Buckets(len(inputs)))
    Good:
        from torch.utils.data import Sampler
        class Buckets(Sampler):
            def __init__(self, count):
                self.count = count
            def __iter__(self):
                yield from torch.randperm(self.count).split(16)
            def __len__(self):
                return self.count // 16
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_sampler=Buckets(len(inputs)))
    Source: torch documentation, torch.utils.data.distributed.DistributedSampler.
    """
    if seen.processes == 1:
        raise NotChecked(ONE)
    if seen.unread:
        raise NotChecked(seen.unread)
    for found in seen.shared:
        yield Seen(
            f"{found.kind} {found.how}, and the run deals what it gives out to {seen.processes} ranks: the others' samples are never read",
            Location(detail=found.where), {"kind": found.kind, "processes": seen.processes},
        )  # fmt: skip


@preflight.check("ND804", "parameter unused in a step", severity=ERROR, advice="training.find_unused_parameters: true; or freeze what is not trained, with requires_grad_(False)")
def unused_in_a_step(seen: Preflight) -> Iterator[Seen]:
    """A trainable parameter that the loss of a batch does not depend on: the ranks would wait for its gradient.

    Wrong: DistributedDataParallel averages a gradient when it arrives. Of a parameter that takes no part in the loss none arrives, and the second step
        stops with "Expected to have finished reduction in the prior iteration", or hangs where only some ranks use it.
    Seen: up to three batches are passed, and the loss is asked for the gradient of each trainable parameter. Alone in one process the same is no
        trouble, so that this is asked for several processes only.
    Where: the parameter.
    Try: training.find_unused_parameters: true, which costs a walk over the graph each step. What is never trained is better frozen or left out; branches
        that are used in turn can add 0 times their output.
    Bad:
        class TwoHeads(nn.Module):
            def __init__(self):
                super().__init__()
                self.head, self.spare = nn.Linear(64, 10), nn.Linear(64, 3)
            def forward(self, x):
                return self.head(x)
        model = TwoHeads()
    Good:
        class TwoHeads(nn.Module):
            def __init__(self):
                super().__init__()
                self.head, self.spare = nn.Linear(64, 10), nn.Linear(64, 3).requires_grad_(False)
            def forward(self, x):
                return self.head(x)
        model = TwoHeads()
    Source: torch documentation, DistributedDataParallel, find_unused_parameters.
    """
    if seen.processes == 1:
        raise NotChecked(ONE)
    if seen.untried:
        raise NotChecked(seen.untried)
    if not seen.whole or not seen.unreached:
        return
    first, names = seen.unreached[0], [unreached.parameter for unreached in seen.unreached]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    never = first.batches == seen.batches
    said = f"no batch uses `{'`, `'.join(names[:NAMED])}`{more}" if never else f"{first.batches} of {seen.batches} batches do not use `{first.parameter}`{more}"
    yield Seen(
        f"{said}: in {seen.processes} processes the second step would wait for gradients that do not come", Location(parameter=first.parameter),
        {"parameters": len(names), "batches": seen.batches},
    )  # fmt: skip


@preflight.check("ND811", "batch norm over a tiny batch", severity=WARNING, advice="a larger batch on each rank; on GPUs training.sync_batch_norm: true; or GroupNorm")
def tiny_statistics(seen: Preflight) -> Iterator[Seen]:
    """Batch-norm layers that take their statistics of very few samples, because each rank has its own.

    Wrong: the ranks average gradients and not statistics. With few samples on each of them the normalised values are noise, however many samples all ranks have
        together, and evaluation, which uses the running average, sees another network.
    Seen: batch-norm layers in training mode, not synchronised, and at most 4 samples in the batch of a rank, in a run of several processes. Frozen layers
        (in eval mode) take no statistics and are not meant.
    Where: the layer.
    Try: a larger batch_size for each rank; sync_batch_norm on GPUs; GroupNorm or LayerNorm, which do not look at other samples.
    Bad:
        model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=2, shuffle=True)
    Good:
        model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: Wu, He, Group Normalization, 2018, figure 5: the error over images per worker.
    """
    if seen.processes == 1:
        raise NotChecked(ONE)
    if seen.synced or not seen.norms or seen.norms[0].samples > TINY:
        return
    first, more = seen.norms[0], f" and {len(seen.norms) - 1} more layers" if len(seen.norms) > 1 else ""
    yield Seen(
        f"{first.kind} `{first.module}`{more} would take the mean of {first.samples} sample{'s' if first.samples > 1 else ''} on each of {seen.processes} ranks",
        Location(module=first.module), {"samples": first.samples, "layers": len(seen.norms)},
    )  # fmt: skip

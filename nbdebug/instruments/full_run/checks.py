"""The checks of a full run: what ranks found of each other, and how the run ended."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, WARNING
from nbdebug.instruments.base import Seen
from nbdebug.instruments.full_run.result import FullRun, full_run

ALONE = "the run has one process"


@full_run.check("ND801", "ranks diverged", severity=ERROR, advice="draw what changes weights from a generator that all ranks seed alike")
def rank_diverged(run: FullRun) -> Iterator[Seen]:
    """The ranks no longer train the same model.

    Wrong: data parallel training averages gradients, and takes for granted that each rank adds them to the same weights. Ranks that differ train
        several models, of which only that of rank 0 is kept.
    Seen: two whole numbers of the bits of each parameter are compared between the ranks, after the first step and then every
        `watch.digest_every` steps. Where they differ, the weights themselves are: an alarm is a difference of more than a thousandth of the
        parameter's size (our choice: processors of two kinds round apart by less). Buffers, which each rank may have for itself, are not meant.
    Where: the first parameter that differs, and the ranks that do not hold what rank 0 holds.
    Try: look for what writes into weights besides the optimizer: noise, clipping by a rank's own statistics, a layer that is made anew
        in one rank. Draw random numbers for it from a generator with the same seed on all ranks.
    Bad:
        class Noisy(nn.Linear):
            def forward(self, x):
                if self.training:
                    with torch.no_grad():
                        self.weight.add_(0.01 * torch.randn_like(self.weight))
                return super().forward(x)
        setup = nbdebug.TrainingSetup(model=nn.Sequential(Noisy(64, 10)), loss_fn=nn.CrossEntropyLoss(), train_loader=train_loader)
        run = nbdebug.launch(setup, num_processes=2, optimizer="sgd")
    Good:
        class Noisy(nn.Linear):
            def __init__(self, *sizes):
                super().__init__(*sizes)
                self.calls = 0
            def forward(self, x):
                if self.training:
                    self.calls += 1
                    alike = torch.Generator().manual_seed(self.calls)
                    with torch.no_grad():
                        self.weight.add_(0.01 * torch.randn(self.weight.shape, generator=alike))
                return super().forward(x)
        setup = nbdebug.TrainingSetup(model=nn.Sequential(Noisy(64, 10)), loss_fn=nn.CrossEntropyLoss(), train_loader=train_loader)
        run = nbdebug.launch(setup, num_processes=2, optimizer="sgd")
    Source: torch documentation, DistributedDataParallel: parameters are never broadcast between processes after construction.
    """
    if len(run.ranks) < 2:
        raise NotChecked(ALONE)
    yield from _passed_on(run, "ND801")


@full_run.check("ND802", "wrapper bypassed", severity=ERROR, advice="call what ctx.wrap(model) gave: model = ctx.wrap(model)")
def wrapper_bypassed(run: FullRun) -> Iterator[Seen]:
    """A loop calls the model itself, and not the wrapper that averages gradients.

    Wrong: each rank then trains by the gradients of its own samples; the ranks drift apart, and what rank 0 learnt from its share is kept as the result.
    Seen: in three steps of the optimizer in a row the model that was wrapped was called in training, with gradients, and its wrapper was not. Calls without gradients
        and calls beside those of the wrapper are no trouble.
    Where: your line that calls the model.
    Try: keep only the wrapper: `model = ctx.wrap(model)`; `wrapped.module` is for reading weights and not for the forward pass.
    Bad:
        def train(ctx):
            model = nn.Linear(64, 10)
            wrapped = ctx.wrap(model)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for step in range(6):
                optimizer.zero_grad()
                F.cross_entropy(model(inputs[:32]), targets[:32]).backward()
                optimizer.step()
                ctx.log(step=step, loss=0.0)
        run = nbdebug.launch(train, num_processes=2)
    Good:
        def train(ctx):
            model = ctx.wrap(nn.Linear(64, 10))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for step in range(6):
                optimizer.zero_grad()
                F.cross_entropy(model(inputs[:32]), targets[:32]).backward()
                optimizer.step()
                ctx.log(step=step, loss=0.0)
        run = nbdebug.launch(train, num_processes=2)
    Source: torch documentation, DistributedDataParallel: the forward pass must go through the wrapper.
    """
    if len(run.ranks) < 2:
        raise NotChecked(ALONE)
    yield from _passed_on(run, "ND802")


@full_run.check("ND808", "rank failed", severity=ERROR, advice="run.logs() and run.stacks() have more; launch(…, resume=run.id) goes on from the last checkpoint")
def rank_failed(run: FullRun) -> Iterator[Seen]:
    """A rank raised, died, or fell silent; the others were ended.

    Wrong: the ranks wait for each other at every step, so that one which is gone stops all of them.
    Seen: the process of a rank ended before its training did. Of several errors the earliest counts that did not come of another rank's
        end. A rank that says nothing for five seconds, though it has a thread that says something each second, is named, too.
    Where: the rank and the step, and the line of your code that raised.
    Try: what the error says. After SIGKILL without a word: less memory, by a smaller batch or fewer workers. `run.stacks()` shows where each
        rank stands that is silent.
    Bad:
        def train(ctx):
            model = ctx.wrap(nn.Linear(64, 10))
            for step in range(4):
                labels = targets[:32] + 10 * (ctx.rank == 1 and step == 2)
                F.cross_entropy(model(inputs[:32]), labels).backward()
                ctx.log(step=step, loss=0.0)
        run = nbdebug.launch(train, num_processes=2)
    Good:
        def train(ctx):
            model = ctx.wrap(nn.Linear(64, 10))
            for step in range(4):
                F.cross_entropy(model(inputs[:32]), targets[:32]).backward()
                ctx.log(step=step, loss=0.0)
        run = nbdebug.launch(train, num_processes=2)
    Source: torch documentation, DistributedDataParallel; Python documentation, multiprocessing: exit codes.
    """
    for failed in run.failed:
        evidence = {"rank": failed.rank, "step": failed.step, "signal": failed.signal, "exception": failed.etype}
        advice = "run.stacks() shows where each rank stands" if failed.silent else None
        yield Seen(failed.sentence, failed.place, evidence, severity=WARNING if failed.silent else None, advice=advice)


@full_run.check("ND809", "straggler", severity=WARNING, advice="look at what this rank alone has: its samples, its device, other programs on its cores")
def straggler(run: FullRun) -> Iterator[Seen]:
    """One rank is slower than the others, and all of them wait for it.

    Wrong: each step takes as long as the slowest rank's; the other processors idle.
    Seen: the time of a rank for its own part of a step, from waiting for the batch over the forward pass to its last gradient, before the others
        are waited for; on a GPU the backward pass is left out. The median of nine is compared with the median of the other ranks every
        `watch.every_steps` steps. An alarm is more than `watch.straggler` times as much (2, our choice) and a millisecond, three times in a row.
    Where: the rank.
    Try: see whether it gets longer samples than the others, or shares its cores or its GPU with another program.
    Bad:
        import time
        import torch.distributed as dist
        class Slow(nn.Linear):
            def forward(self, x):
                time.sleep(0.01 * (dist.get_rank() == 1))
                return super().forward(x)
        setup = nbdebug.TrainingSetup(model=Slow(64, 10), loss_fn=nn.CrossEntropyLoss(), train_loader=train_loader)
        run = nbdebug.launch(setup, num_processes=2, optimizer="sgd", max_steps=70, config={"watch": {"every_steps": 20}})
    Good:
        import time
        class Slow(nn.Linear):
            def forward(self, x):
                time.sleep(0.01)
                return super().forward(x)
        setup = nbdebug.TrainingSetup(model=Slow(64, 10), loss_fn=nn.CrossEntropyLoss(), train_loader=train_loader)
        run = nbdebug.launch(setup, num_processes=2, optimizer="sgd", max_steps=70, config={"watch": {"every_steps": 20}})
    Source: torch documentation, DistributedDataParallel; thresholds are our choice.
    """
    if len(run.ranks) < 2:
        raise NotChecked(ALONE)
    yield from _passed_on(run, "ND809")


@full_run.check("ND810", "loader starved", severity=WARNING, advice="more workers (data.num_workers), or prepare the samples once; nbdebug.loader_audit(setup) measures which helps")
def loader_starved(run: FullRun) -> Iterator[Seen]:
    """The ranks wait for their loaders; the page is that of loader_audit."""
    yield from _passed_on(run, "ND810")


def _passed_on(run: FullRun, code: str) -> Iterator[Seen]:
    for finding in run.of(code):
        yield Seen(finding.message, finding.location, finding.evidence, finding.severity, finding.advice)

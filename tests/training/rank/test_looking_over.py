"""What is made in the ranks is looked over there: the preflight and the record of factories and of loops of the user's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

import nbdebug
from nbdebug.errors import RankFailed
from nbdebug.training.record import writing
from nbdebug.training.report import report
from nbdebug.training_setup import TrainingSetup

ASKED = ("ND803", "ND804", "ND811")


def samples():
    torch.manual_seed(0)
    x = torch.randn(48, 4)
    return TensorDataset(x, (x[:, 0] > 0).long())


class Branches(nn.Module):
    """One of which is never taken."""

    def __init__(self, taken):
        super().__init__()
        self.body, self.other = nn.Linear(4, 2), nn.Linear(4, 2)
        self.taken = taken

    def forward(self, x):
        return self.body(x) + (self.other(x) if self.taken else 0)


class HalfOfThem(Sampler):
    """Gives each rank its share."""

    def __init__(self, count, divides):
        self.count, self.divides = count, divides

    def __iter__(self):
        import torch.distributed as dist

        return iter(range(dist.get_rank() if self.divides and dist.is_initialized() else 0, self.count, 2 if self.divides else 1))

    def __len__(self):
        return self.count // (2 if self.divides else 1)


def factory(taken=False, batch_size=8, norm=False):
    model = Branches(taken) if not norm else nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    loader = DataLoader(samples(), batch_size=batch_size, shuffle=True)
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-2), loader, DataLoader(samples(), batch_size=16))


def verdicts(run):
    return {verdict.code: verdict for verdict in report(run).verdicts}


def test_a_factory_whose_setup_cannot_work_is_told_before_the_first_step():
    run = nbdebug.launch(factory, num_processes=2, epochs=1)
    with pytest.raises(RankFailed, match="no step was made.*other.weight"):
        run.wait(240)
    assert "ND804" in {finding.code for finding in run.findings} and run.step == 0
    assert verdicts(run)["ND804"].state == "found" and verdicts(run)["ND803"].state == "sound"


def test_its_mended_twin_trains():
    run = nbdebug.launch(factory, model={"taken": True}, num_processes=2, epochs=1).wait(240)
    assert run.findings == [] and {verdicts(run)[code].state for code in ASKED} == {"sound"}


def test_a_warning_is_a_finding_of_the_run():
    run = nbdebug.launch(factory, model={"norm": True, "batch_size": 4}, num_processes=2, epochs=1).wait(240)
    assert [finding.code for finding in run.findings] == ["ND811"]


def test_nobody_asked():
    run = nbdebug.launch(factory, model={"taken": True}, num_processes=2, epochs=1, preflight=False).wait(240)
    assert {(verdicts(run)[code].state, verdicts(run)[code].reason) for code in ASKED} == {("not checked", "because it was launched with preflight=False")}


@pytest.mark.parametrize("ranks", [1, 2])
def test_it_trains_on_the_same_bits(ranks):
    asked, unasked = (nbdebug.launch(factory, model={"taken": True}, num_processes=ranks, epochs=2, preflight=preflight).wait(240) for preflight in (True, False))
    ours, theirs = (torch.load(run.folder.weights, weights_only=True) for run in (asked, unasked))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_record_of_a_factory():
    run = nbdebug.launch(factory, model={"taken": True}, num_processes=1, epochs=1).wait(240)
    record = writing.read(run.folder)
    assert record["model"]["parameters"] == 20 and record["setup"]["optimizer"] == "Adam" and record["kind"] == "factory"
    assert record["data"]["train_loader"]["samples"] == 48 and record["data"]["train_loader"]["fingerprint"] and "val_loader" in record["data"]
    other = nbdebug.launch(factory, model={"taken": True, "batch_size": 16}, num_processes=1, epochs=1).wait(240)
    assert "batch_size" in str(nbdebug.compare_runs(run, other))


def loop(ctx, divides=False, norm=False, batch_size=8, order="model first"):
    dataset = samples()
    made = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)) if norm else nn.Linear(4, 2)
    loader = DataLoader(dataset, batch_size=batch_size, sampler=HalfOfThem(len(dataset), divides))
    if order == "model first":
        model = ctx.wrap(made)
        batches = ctx.loader(loader)
    else:
        batches = ctx.loader(loader)
        model = ctx.wrap(made)
    ctx.loader(DataLoader(dataset, batch_size=16), train=False)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step, (x, y) in enumerate(batches, start=1):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        ctx.log(step=step)
    return [float(p.detach().double().sum()) for p in model.parameters()]


@pytest.mark.parametrize("order", ["model first", "data first"])
def test_a_loop_whose_sampler_divides_already(order):
    run = nbdebug.launch(loop, True, False, 8, order, num_processes=2).wait(240)
    assert [finding.code for finding in run.findings] == ["ND803"]
    assert verdicts(run)["ND804"].state == "not checked"


def test_a_loop_with_batch_norm_over_few_samples():
    assert [finding.code for finding in nbdebug.launch(loop, False, True, 4, num_processes=2).wait(240).findings] == ["ND811"]


def test_a_sound_loop_and_its_record():
    run = nbdebug.launch(loop, num_processes=2).wait(240)
    assert run.findings == [] and verdicts(run)["ND803"].state == "sound"
    record = writing.read(run.folder)
    assert record["model"]["kind"] == "Linear" and set(record["data"]) == {"train_loader", "val_loader"} and record["data"]["train_loader"]["samples"] == 48
    assert nbdebug.launch(loop, num_processes=2, preflight=False).wait(240).result == run.result


def bare(ctx):
    ctx.log(step=1, loss=0.0)


def test_what_a_loop_did_not_show_is_not_checked():
    run = nbdebug.launch(bare, num_processes=2).wait(240)
    assert {verdicts(run)[code].state for code in ASKED} == {"not checked"} and "ctx.wrap" in verdicts(run)["ND803"].reason
    assert "model" not in writing.read(run.folder)

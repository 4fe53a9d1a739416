"""The report of a run: made of what the ranks told, shown like every report."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.errors import RankFailed
from nbdebug.findings import INFO
from nbdebug.instruments.full_run import full_run
from nbdebug.training.report import full
from tests.training.conftest import wait_for
from tests.training.run import trainings


def test_a_sound_run_shows_its_curves_and_ranks(runs_dir):
    run = nbdebug.launch(trainings.setup(), num_processes=2, epochs=3, log={"every_steps": 1}, preflight=False).wait(240)
    report = run.report()
    assert report.findings == () and report.instrument == "full_run" and run.findings == []
    assert {verdict.code for verdict in report.verdicts if verdict.state == "sound"} >= {"ND801", "ND808", "ND809", "ND810"}
    assert [rank.state for rank in report.result.ranks] == ["done", "done"]
    steps, losses = report.result.curves["loss"]
    assert len(steps) == run.step and losses == tuple(run.metrics["loss"].dropna())
    assert "val_loss" in report.result.curves
    for shown in (str(report), report._repr_mimebundle_()["text/html"]):
        assert run.id in shown and "samples/s" in shown
    again = nbdebug.Report.from_dict(json.loads(json.dumps(report.to_dict())))
    assert again == report and nbdebug.last_report() is report


def test_it_is_the_same_from_the_files():
    run = nbdebug.launch(trainings.setup(), num_processes=2, epochs=2, preflight=False).wait(240)
    from nbdebug.training.following import Follower
    from nbdebug.training.run import Run

    other = Run(run.folder)
    other.kept_by(Follower(run.folder))
    assert full(other).curves == full(run).curves and full(other).told == full(run).told


def raises(ctx):
    model = ctx.wrap(nn.Linear(4, 2))
    for step in range(1, 10):
        model(torch.randn(8, 4)).sum().backward()
        ctx.log(step=step, loss=0.0)
        if ctx.rank == 1 and step == 3:
            raise ValueError("bad sample 7")  # here


def test_a_rank_that_raised_is_a_finding_with_its_line():
    run = nbdebug.launch(raises, num_processes=2)
    with pytest.raises(RankFailed):
        run.wait(240)
    [finding] = run.findings
    source = Path(__file__).read_text().splitlines()
    assert finding.code == "ND808" and source[finding.location.line - 1].endswith("# here")
    assert finding.evidence["rank"] == 1 and finding.evidence["exception"] == "ValueError" and "bad sample 7" in finding.message
    assert [f.code for f in run.report().findings] == ["ND808"]


def test_a_rank_that_was_killed_is_a_finding():
    run = nbdebug.launch(trainings.steps, 10**7, num_processes=2)
    wait_for(lambda: run.state == "running" and run.step > 2)
    os.kill(run.ranks[1].pid, signal.SIGKILL)
    with pytest.raises(RankFailed):
        run.wait(240)
    [finding] = run.findings
    assert finding.code == "ND808" and finding.evidence["signal"] == "SIGKILL" and finding.location.detail == "rank 1"
    assert any("SIGKILL" in rank.state or "signal 9" in rank.state for rank in run.report().result.ranks)


def test_a_rank_that_is_stopped_is_named_while_it_is_silent():
    run = nbdebug.launch(trainings.steps, 10**7, num_processes=2)
    wait_for(lambda: run.state == "running" and run.step > 2)
    run._keeper.monitor.silent = 1.5
    os.kill(run.ranks[1].pid, signal.SIGSTOP)
    try:
        wait_for(lambda: run.findings)
        assert run.findings[0].code == "ND808" and "rank 1 has said nothing" in run.findings[0].message
    finally:
        os.kill(run.ranks[1].pid, signal.SIGCONT)
    run.kill()


def test_a_stopped_run_is_no_failure():
    run = nbdebug.launch(trainings.steps, 10**7, num_processes=2)
    wait_for(lambda: run.state == "running" and run.step > 2)
    assert run.report().stopped == "still running"
    run.stop()
    run.wait(240)
    assert run.findings == [] and run.report().stopped == ""


def curves(ctx, losses, validations):
    for step, loss in enumerate(losses, start=1):
        ctx.log(step=step, loss=loss)
        if validations[step - 1] is not None:
            ctx.send("validation", step=step, epoch=step, metrics={"loss": validations[step - 1]})


def judged(losses, validations):
    run = nbdebug.launch(curves, losses, validations).wait(240)
    return {finding.code for finding in run.report().findings if finding.severity is not INFO}


def noisy(value, step):
    return value + 0.02 * math.sin(7.3 * step)


def test_overfitting_is_seen_in_the_curves_of_a_run():
    falls = [noisy(2.0 * 0.97**step, step) + 0.05 for step in range(120)]
    rises = [noisy(2.1 * 0.95**step, step) + 0.6 + max(0, step - 40) * 0.03 for step in range(120)]
    assert judged(falls, rises) == {"ND703"}
    alike = [noisy(2.1 * 0.97**step, step) + 0.1 for step in range(120)]
    assert judged(falls, alike) == set()


def test_every_check_has_one_page():
    assert all("Wrong:" in (check.judge.__doc__ or "") for code, check in full_run.checks.items() if code != "ND810")
    assert "a rank" in str(nbdebug.explain("ND808")).lower()


def test_a_run_of_one_process_is_not_judged_as_several():
    loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.zeros(32, dtype=torch.long)), batch_size=4)
    model = nn.Linear(4, 2)
    setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    report = nbdebug.launch(setup).wait(240).report()
    assert {v.code: v.state for v in report.verdicts}["ND801"] == "not checked"

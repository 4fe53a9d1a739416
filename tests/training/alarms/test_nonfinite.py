"""A number that is not finite: the rank that it is of says so, keeps the step, and the kernel finds the line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import nbdebug
from nbdebug.errors import RankFailed
from nbdebug.nonfinite.kept.capsule import read
from tests.training.alarms import trainings


def failed(setup, **options):
    run = nbdebug.launch(setup, **{"num_processes": 2, "epochs": 2, **options})
    with pytest.raises(RankFailed) as error:
        run.wait(240)
    return run, str(error.value)


def line_of(marker):
    source = Path(trainings.__file__).read_text().splitlines()
    return next(n for n, line in enumerate(source, start=1) if line.endswith(f"# {marker}"))


def test_one_bad_sample_in_one_rank_is_found_in_the_kernel_bit_for_bit():
    setup = trainings.setup()
    before = {name: value.clone() for name, value in setup.model.state_dict().items()}
    run, said = failed(setup)
    [capsule] = run.capsules
    whose = int(capsule.parent.name.removeprefix("rank"))
    assert f"rank {whose} raised NotFinite" in said and f"trainings.py, line {line_of('born here')}" in said
    [finding] = run.findings
    assert finding.code == "ND308" and finding.location.line == line_of("born here") and f"rank {whose}" in finding.location.detail
    assert finding.evidence["reproduced"] and finding.evidence["rank"] == whose
    report = nbdebug.replay(capsule, setup)
    assert report.result.reproduced and [f.code for f in report.findings] == ["ND308"]
    assert report.findings[0].location.line == line_of("born here")
    assert (read(capsule).batch()[0].abs().sum(1) == 0).sum() == 1
    assert all(torch.equal(value, before[name]) for name, value in setup.model.state_dict().items())
    assert run.report().result.capsules == (str(capsule),)


def test_the_mended_twin_is_silent():
    run = nbdebug.launch(trainings.setup(trainings.divides_safely), num_processes=2, epochs=2).wait(240)
    assert run.findings == [] and run.capsules == []


def test_an_infinity_that_does_no_harm_is_no_alarm():
    run = nbdebug.launch(trainings.setup(trainings.masked), num_processes=2, epochs=2).wait(240)
    assert run.findings == [] and run.capsules == []


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_gradient_that_is_not_finite_though_the_loss_is(ranks):
    setup = trainings.setup(trainings.root)
    run, said = failed(setup, num_processes=ranks)
    [finding] = run.findings
    assert finding.code == "ND504" and finding.location.line == line_of("the gradient is born here")
    report = run.replay()
    assert report.result.reproduced and [f.code for f in report.findings] == ["ND504"]


def test_with_accumulation_the_batch_is_the_one_that_was_bad():
    setup = trainings.setup(batch_size=2)
    run, said = failed(setup, config={"training": {"accumulate": 4}})
    assert (read(run.capsules[0]).batch()[0].abs().sum(1) == 0).sum() == 1
    assert run.replay().result.reproduced


def test_half_precision_and_an_optimizer_of_the_configuration():
    setup = replace(trainings.setup(), optimizer=None)
    run, said = failed(setup, precision="bf16-mixed", config={"optimizer": {"type": "adamw", "lr": 1e-3}})
    report = run.replay()
    assert report.result.reproduced and report.findings[0].location.line == line_of("born here")


def test_the_update_may_be_left_out_instead():
    run = nbdebug.launch(trainings.setup(), num_processes=2, epochs=2, config={"watch": {"on_nan": "skip"}}).wait(240)
    assert run.state == "done" and {finding.code for finding in run.findings} == {"ND308"}
    assert any("was left out" in note for note in run.notes)
    assert all(bool(value.isfinite().all()) for value in run.model.state_dict().values())


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_update_that_is_not_finite(ranks):
    setup = trainings.setup(trainings.divides_safely)
    setup = replace(setup, optimizer=torch.optim.Adam(setup.model.parameters(), lr=1e-3, eps=0.0))
    setup.model.head.weight.register_hook(torch.zeros_like)
    run, said = failed(setup, num_processes=ranks)
    [finding] = run.findings
    assert finding.code == "ND709" and finding.location.parameter in ("first.bias", "head.weight") and "eps = 0" in str(finding)
    assert len(run.capsules) == 1


def test_a_scaler_that_looks_for_its_scale_is_no_alarm():
    setup = replace(trainings.setup(bad=False), precision="16-mixed", scaler=torch.amp.GradScaler("cpu", init_scale=2.0**40))
    run = nbdebug.launch(setup, num_processes=2, epochs=2, config={"log": {"every_steps": 1}}).wait(240)
    assert run.findings == [] and run.metrics["skipped_steps"].sum() > 0


def test_switched_off_nothing_is_looked_at():
    config = {"watch": {"find_nan": False, "loss_spike": None}}
    run = nbdebug.launch(trainings.setup(), num_processes=2, epochs=1, config=config).wait(240)
    assert run.state == "done" and run.findings == []

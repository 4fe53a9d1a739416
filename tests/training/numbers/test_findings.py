"""What `watch` finds in the layers of a run, and what a run that is sound is not accused of."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import nbdebug
from nbdebug.findings import Finding
from nbdebug.plain import from_plain
from nbdebug.training.record import layers
from tests.training.numbers import trainings

OURS = ("ND307", "ND502", "ND503", "ND604", "ND605", "ND807")


def found(run):
    return [finding.code for finding in run.findings if finding.code in OURS]


def launched(setup, steps=60, **told):
    return nbdebug.launch(setup, max_steps=steps, watch={"layers": 2}, preflight=False, **told).wait(240)


def slow(lr):
    model = trainings.net()
    return trainings.of(model, torch.optim.Adam(model.parameters(), lr))


def test_a_rate_that_moves_nothing():
    run = launched(slow(1e-9))
    [finding] = [finding for finding in run.findings if finding.code in OURS]
    assert finding.code == "ND605" and "learning rate is 1.0e-09" in finding.message and finding.location.detail == "Adam, group 0"
    events = [from_plain(Finding, event["finding"]) for event in run.events("finding")]
    assert [event.code for event in events] == ["ND605"]  # told once, for whoever reads the events
    assert "ND605" in str(run.report()) and found(launched(slow(1e-2))) == []


def test_a_rate_that_only_warms_up_is_not_accused():
    assert found(launched(slow(1e-2), scheduler={"type": "linear", "warmup_steps": 59})) == []


def test_units_that_are_dead():
    run = launched(trainings.of(trainings.net(dead=True), batch_size=64))
    [finding] = [finding for finding in run.findings if finding.code == "ND307"]
    assert "16 of 16 ReLU units are dead" in finding.message and finding.location.module == "4"
    assert found(launched(trainings.of(trainings.net(), batch_size=64))) == []


def fading(**options):
    model = trainings.deep(**options)
    return trainings.of(model, torch.optim.SGD(model.parameters(), 1e-2))


def test_gradients_that_fade():
    run = launched(fading(), num_processes=2)
    [finding] = [finding for finding in run.findings if finding.code in OURS]
    assert finding.code == "ND502" and finding.location.module == "0"
    assert found(launched(fading(squash=nn.ReLU, kaiming=True))) == []


@pytest.mark.parametrize("make", [trainings.plain, trainings.normed, trainings.in_blocks, trainings.two_optimizers, trainings.by_own_loss, trainings.scaled])
def test_sound_trainings(make):
    assert found(launched(make())) == []


def test_a_run_that_raises_has_told_what_was_seen():
    setup = slow(1e-9)
    setup.train_loader.dataset.tensors[0][-3:] = float("nan")
    run = nbdebug.launch(setup, max_steps=200, watch={"layers": 1}, preflight=False, data={"shuffle": False, "batch_size": 4}, epochs=None)
    with pytest.raises(nbdebug.errors.RankFailed):
        run.wait(240)
    assert {"ND605"} <= {finding.code for finding in run.findings}


def test_own_loops(tmp_path):
    run = nbdebug.launch(trainings.own_loop, 1e-9, num_processes=2, watch={"layers": 2}).wait(240)
    assert found(run) == ["ND605"]
    seen = layers.read(run.folder)
    assert {t.name for t in seen.result.tensors_of("activation")} == {"0", "1", "2", "3", "4", "5"} and seen.result.limits == ()
    sound = nbdebug.launch(trainings.own_loop, num_processes=2, watch={"layers": 2}).wait(240)
    assert found(sound) == []


def test_two_models_in_an_own_loop():
    seen = layers.read(nbdebug.launch(trainings.two_models, watch={"layers": 1}).wait(240).folder)
    assert {t.name for t in seen.result.tensors_of("weight")} == {"Linear: weight", "Linear: bias", "Sequential: 0.weight", "Sequential: 0.bias"}
    assert seen.looks == 39


def test_a_model_that_was_not_wrapped_is_seen_from_its_optimizer():
    seen = layers.read(nbdebug.launch(trainings.unwrapped, watch={"layers": 1}).wait(240).folder)
    assert seen.result.tensors_of("gradient") and not seen.result.tensors_of("activation")
    assert any("ctx.wrap" in said for said in seen.result.limits)


def test_gradients_of_a_scaled_loss_are_told_as_they_are():
    looked = [launched(make(), 10, precision=precision) for make, precision in ((trainings.scaled, "16-mixed"), (trainings.scaled, "32-true"))]
    halves, wholes = ({(t.what, t.name): t for t in layers.read(run.folder).result.tensors} for run in looked)
    for what, name in (("gradient", "0.weight"), ("activation gradient", "3"), ("activation gradient", "5")):
        half, whole = halves[what, name], wholes[what, name]
        step = next(step for step in half.steps if half.rms[half.steps.index(step)] > 0)
        assert 0.5 < half.rms[half.steps.index(step)] / whole.rms[whole.steps.index(step)] < 2.0


def test_the_report_has_the_layers_and_comes_back_from_json():
    report = launched(trainings.plain()).report()
    titles = [panel.title for section in report.page().sections for panel in section.panels]
    assert "activation size, layer by step" in titles and "update against weight, parameter by step" in titles
    assert {verdict.code for verdict in report.verdicts} >= set(OURS)
    assert nbdebug.Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_nothing_is_watched_when_it_is_off():
    run = nbdebug.launch(slow(1e-9), max_steps=40, watch=False, preflight=False).wait(240)
    assert run.findings == [] and layers.read(run.folder) is None

"""Every question of the levels gets its light, with evidence behind it, and the session stays as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug import Report, SetupError, TrainingSetup
from nbdebug.catalogue import checks_by_code
from nbdebug.instruments.base import INSTRUMENTS
from nbdebug.levels.questions import LEVELS
from tests.patients.parts import features, mlp

QUESTIONS = [question for level in LEVELS for question in level.questions]


def sound(**parts: object) -> TrainingSetup:
    torch.manual_seed(0)
    inputs, targets = features()
    model = mlp()
    given = {
        "model": model, "loss_fn": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(model.parameters(), lr=1e-3),
        "train_loader": DataLoader(TensorDataset(inputs[:192], targets[:192]), batch_size=32, shuffle=True),
        "val_loader": DataLoader(TensorDataset(inputs[192:], targets[192:]), batch_size=32),
    }  # fmt: skip
    return TrainingSetup(**(given | parts))


@pytest.fixture(scope="module")
def calm() -> Report:
    return nbdebug.levels(sound())


def lights(report: Report) -> dict[str, str]:
    return {answer.question: answer.light for level in report.result.levels for answer in level.answers}


def answer(report: Report, beginning: str):
    return next(a for level in report.result.levels for a in level.answers if a.question.startswith(beginning))


def test_a_sound_training_has_no_red_and_no_amber_light(calm):
    assert set(lights(calm).values()) <= {"sound", "info", "not checked"}
    assert list(lights(calm).values()).count("sound") >= len(QUESTIONS) - 3
    assert not calm.findings


def test_every_light_has_evidence_behind_it(calm):
    answers = [a for level in calm.result.levels for a in level.answers if a.light != "not checked"]
    assert all(a.evidence for a in answers)
    html = calm._repr_mimebundle_()["text/html"]
    assert all(f"<b>{a.question}</b>" in html for a in answers)


def test_the_session_is_left_as_it_was():
    setup = sound()
    before, state = [p.detach().clone() for p in setup.model.parameters()], torch.get_rng_state()
    report = nbdebug.levels(setup, budget="10 s")
    assert report.proof is not None and not report.proof.changes
    assert all(torch.equal(a, b) for a, b in zip(before, setup.model.parameters(), strict=True))
    assert torch.equal(state, torch.get_rng_state()) and not setup.optimizers[0].state


def test_a_fault_lights_its_question_and_folded_symptoms_light_theirs():
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), nn.Softmax(-1))
    report = nbdebug.levels(sound(model=model, optimizer=torch.optim.Adam(model.parameters())), budget="20 s")
    loss = answer(report, "is the loss sensible")
    assert loss.light == "error" and "ND401" in loss.words and loss.findings
    assert "ND401" in {f.code for f in report.findings}


def test_what_an_update_does_not_move_is_listed_with_the_numbers():
    model = mlp()
    report = nbdebug.levels(sound(model=model, optimizer=torch.optim.Adam(list(model.parameters())[:2])), budget="10 s")
    moved = answer(report, "do the parameters move")
    assert moved.light in ("warning", "error") and "ND601" in moved.words
    (table,) = [panel for panel in moved.evidence if panel.title == "one update"]
    assert [row[3] == 0 for row in table.rows] == [False, False, True, True]


def test_a_warm_up_from_zero_is_no_fault():
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 10))
    moved = answer(nbdebug.levels(sound(model=model, optimizer=optimizer, scheduler=scheduler), budget="10 s"), "do the parameters move")
    assert moved.light == "info" and "warm-up" in moved.words


def test_a_tiny_batch_under_a_batch_norm_is_amber():
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    inputs, targets = features()
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=2, shuffle=True)
    report = nbdebug.levels(sound(model=model, optimizer=torch.optim.Adam(model.parameters()), train_loader=loader), budget="10 s")
    assert answer(report, "is the batch size right").light == "warning"


def test_an_unseeded_process_is_noted():
    setup = sound()
    torch.seed()
    assert answer(nbdebug.levels(setup, budget="5 s"), "are the seeds").light == "info"
    torch.manual_seed(3)
    assert answer(nbdebug.levels(setup, budget="5 s"), "are the seeds").light == "sound"


def test_without_an_optimizer_the_rest_is_answered():
    report = nbdebug.levels(sound(optimizer=None), budget="10 s")
    assert answer(report, "do the parameters move").light == "not checked"
    assert answer(report, "do the shapes fit").light == "sound"


def test_no_time_means_no_light_and_says_so():
    report = nbdebug.levels(sound(), budget="0 s")
    assert "budget" in answer(report, "is it deterministic").words


def test_an_interrupt_keeps_what_was_answered(monkeypatch):
    def interrupted(*_: object, **__: object):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(INSTRUMENTS["lr_find"], "follow", interrupted)
    with pytest.raises(KeyboardInterrupt) as raised:
        nbdebug.levels(sound(), budget="20 s")
    report = raised.value.report
    assert report.stopped == "interrupted" and answer(report, "do the shapes fit").light == "sound"
    assert answer(report, "does it beat the simple").light == "not checked"


def test_it_survives_json_without_loss(calm):
    assert Report.from_dict(calm.to_dict()) == calm


def test_an_empty_loader_is_a_clear_error():
    with pytest.raises(SetupError):
        nbdebug.levels(sound(train_loader=[]))


def test_every_code_of_a_question_exists():
    known = checks_by_code()
    assert not [code for question in QUESTIONS for code in question.codes if code not in known]


def test_every_panel_that_is_named_belongs_to_an_instrument_or_to_the_levels():
    named = {instrument for question in QUESTIONS for instrument, _ in question.panels}
    assert named - {"levels"} <= set(INSTRUMENTS)

"""The predictions on a fixed batch over the run: what they say, what they cost, and that the training never notices."""

from __future__ import annotations

import math
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import nbdebug
from nbdebug import Report, SetupError
from nbdebug.findings import INFO
from nbdebug.instruments.base import OWN_FAULT
from nbdebug.instruments.watch.panels.predictions import live_map, prediction_panels
from nbdebug.instruments.watch.predictions.batch import fixed_batch
from nbdebug.instruments.watch.predictions.keeping import MOST, Looks
from nbdebug.instruments.watch.predictions.looking import look
from nbdebug.page import Curve, Heatmap, Table
from tests.loops import predictions as loops
from tests.patients.parts import features, loader, mlp


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("patient", loops.SICK, ids=lambda p: f"{'-'.join(sorted(p.codes))}-{p.name}")
def test_a_sick_loop_gets_its_code(patient):
    report = patient.run().report()
    alarms = [finding for finding in report.findings if finding.severity is not INFO]
    assert {finding.code for finding in alarms} == set(patient.codes), "\n".join(map(str, alarms))
    assert any(patient.where in str(finding.location) for finding in alarms)
    assert report.result.limits == () and OWN_FAULT not in str(report.to_dict())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("patient", loops.SOUND, ids=lambda p: p.name)
def test_a_sound_loop_gets_neither(patient):
    report = patient.run().report()
    ours = [finding for finding in report.findings if finding.code in ("ND711", "ND712") and finding.severity is not INFO]
    assert ours == [], ours
    assert report.result.predictions is not None and OWN_FAULT not in str(report.to_dict())


def run(model, *, given, steps=30, every=3, train=None, before=None, **options):
    inputs, targets = train or features()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False, predictions=given, every=every, **options) as watch:
        for step in range(steps):
            rows = torch.randint(0, len(inputs), (16,))
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()
            if before is not None:
                before(step)
    return watch


# -- what is said -----------------------------------------------------------------------------------------------


def test_the_last_look_is_what_the_trained_model_says():
    torch.manual_seed(0)
    inputs, targets = features()
    model = mlp()
    said = run(model, given=(inputs[:40], targets[:40])).result().predictions
    assert said.steps == (*range(0, 30, 3), 29)
    scores = model(inputs[:40]).detach()
    assert said.accuracy[-1] == pytest.approx(float((scores.argmax(1) == targets[:40]).float().mean()))
    order = sorted(range(40), key=lambda i: int(targets[i]))
    right = scores.softmax(1)[torch.arange(40), targets[:40]]
    assert said.values[-1] == pytest.approx([float(right[i]) for i in order], abs=1e-3)
    assert said.truth == tuple(sorted(map(float, targets[:40])))
    assert math.isnan(said.flips[0]) and all(0 <= flip <= 1 for flip in said.flips[1:])


@pytest.mark.parametrize("kind", ["numbers", "binary", "tokens", "masks", "one-hot", "log-probabilities"])
def test_every_kind_of_target_is_read(kind):
    torch.manual_seed(0)
    x, losses = torch.randn(12, 8), ("cross_entropy",)
    model, y = nn.Linear(8, 3), torch.randint(0, 3, (12,))
    if kind == "numbers":
        model, y, losses = nn.Linear(8, 2), torch.randn(12, 2), ("mse_loss",)
    elif kind == "binary":
        model, y, losses = nn.Linear(8, 4), torch.randint(0, 2, (12, 4)).float(), ("binary_cross_entropy_with_logits",)
    elif kind == "tokens":
        model, x, y = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 9)), torch.randint(0, 9, (12, 5)), torch.randint(0, 9, (12, 5))
    elif kind == "masks":
        model, x, y = nn.Conv2d(1, 3, 1), torch.randn(12, 1, 4, 4), torch.randint(0, 3, (12, 4, 4))
    elif kind == "one-hot":
        y = F.one_hot(y, 3).float()
    elif kind == "log-probabilities":
        model, losses = nn.Sequential(nn.Linear(8, 3), nn.LogSoftmax(1)), ("nll_loss",)
    seen = look(model, (x, y), losses)
    assert seen.kind == {"numbers": "numbers", "binary": "binary"}.get(kind, "classes")
    assert 0 < len(seen.predicted) == len(seen.values) == len(seen.truth) == len(seen.rows) <= 64
    if kind == "numbers":
        assert seen.values[:2] == pytest.approx((model(x) - y).detach()[0].tolist(), abs=1e-5)
    elif kind == "masks":
        assert seen.rows[0] == "sample 0 [0, 0]"
    elif kind == "log-probabilities":
        assert seen.values == pytest.approx(model(x).exp()[torch.arange(12), y].tolist(), abs=1e-5)


def test_of_a_sorted_loader_samples_come_from_all_over():
    targets = torch.arange(10).repeat_interleave(50)
    batch, _ = fixed_batch(loader(torch.randn(500, 4), targets, shuffle=False))
    assert len(batch[1]) == 64 and set(batch[1].tolist()) == set(range(10))


def test_what_is_no_batch_is_refused_before_the_loop_begins():
    for given, said in ((iter([1]), "only once"), ("text", "no tensors"), ([], "no tensors")):
        with pytest.raises(SetupError, match=said), nbdebug.watch(live=False, predictions=given):
            raise AssertionError
    with nbdebug.watch(live=False):  # none is left open
        pass


def test_a_batch_that_does_not_fit_the_model_is_a_limit_and_the_loop_goes_on():
    watch = run(mlp(), given=(torch.randn(8, 5), torch.zeros(8).long()))
    assert watch.result().steps == 30 and watch.result().predictions is None
    assert any("predictions" in said for said in watch.result().limits)


def test_of_several_models_one_has_to_be_said():
    one, other = mlp(), mlp()
    inputs, targets = features()
    for only, expected in ((None, False), (other, True)):
        optimizers = [torch.optim.SGD(m.parameters(), 0.1) for m in (one, other)]
        with nbdebug.watch(only, live=False, predictions=(inputs[:16], targets[:16]), every=1) as watch:
            for _ in range(5):
                for model, optimizer in zip((one, other), optimizers, strict=True):
                    optimizer.zero_grad()
                    F.cross_entropy(model(inputs), targets).backward()
                    optimizer.step()
        assert (watch.result().predictions is not None) is expected
        assert any("several models" in said for said in watch.result().limits) is not expected


def test_a_long_run_keeps_a_bounded_number_of_looks():
    model, (inputs, targets) = mlp(), features()
    looks = Looks((inputs[:8], targets[:8]), 1)
    looks.open()

    class Watched:
        name, module = "model", model

    for step in range(4 * MOST):
        looks.step_over(step, [Watched], ("cross_entropy",))
    looks.close()
    steps = looks.plain().steps
    assert MOST // 2 <= len(steps) <= MOST and len({b - a for a, b in zip(steps, steps[1:], strict=False)}) == 1


def test_the_panels_have_a_row_a_sample_and_a_column_a_look():
    said = run(mlp(), given=tuple(t[:20] for t in features())).result().predictions
    first, second, curve, table = prediction_panels(said)
    assert isinstance(first, Heatmap) and len(first.rows) == 20 and first.columns[0] == "0" and first.columns[-1] == "29"
    assert isinstance(second, Heatmap) and second.values[0][-1] == said.predicted[-1][0]
    assert isinstance(curve, Curve) and set(curve.series) >= {"right", "changed since the last look"}
    assert isinstance(table, Table) and live_map(said).columns == first.columns


def test_a_report_with_predictions_survives_json():
    report = run(mlp(), given=tuple(t[:20] for t in features())).report()
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()


def test_the_history_goes_on_in_a_second_block():
    inputs, targets = features()
    model, watch = mlp(), nbdebug.watch(live=False, predictions=(inputs[:20], targets[:20]), every=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        with watch:
            for _ in range(6):
                optimizer.zero_grad()
                F.cross_entropy(model(inputs), targets).backward()
                optimizer.step()
    assert watch.result().predictions.steps[-1] >= 11 and len(watch.result().predictions.steps) >= 7


# -- and nothing of the training is touched ----------------------------------------------------------------------


class Fussy(nn.Module):
    """Counts its calls, keeps a state from batch to batch, draws numbers, and has every kind of memory."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.3)
        self.frozen, self.head = nn.BatchNorm1d(32).eval(), nn.Linear(32, 10)
        self.register_buffer("seen", torch.zeros(()))
        self.calls, self.state, self.log = 0, None, []

    def forward(self, x):
        self.calls += 1
        self.seen += len(x)
        h = self.drop(self.frozen(self.norm(self.first(x))))
        carried = h.detach().mean(0)
        h = h + (0.1 * self.state if self.state is not None else 0) + 0.01 * torch.randn(32)
        self.state = carried
        return self.head(h)


def twin(predictions, autocast=False, **options):
    torch.manual_seed(0)
    inputs, targets = features()
    model = Fussy()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    data = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    losses = []
    with nbdebug.watch(live=False, predictions=predictions, **options):
        for _ in range(3):
            for i, (x, y) in enumerate(data):
                if i % 2 == 0:
                    optimizer.zero_grad()
                with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                    loss = F.cross_entropy(model(x), y)
                loss.backward()
                losses.append(float(loss.detach()))
                if i % 2:
                    optimizer.step()
    grads = [p.grad.clone() for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    return losses, [*model.state_dict().values(), *grads, model.state, torch.get_rng_state()], (model.calls, modes)


@pytest.mark.parametrize("autocast", [False, True])
def test_training_goes_on_bit_for_bit_as_if_nobody_had_looked(autocast):
    inputs, targets = features()
    without = twin(None, autocast, every=1)
    with_it = twin(loader(inputs, targets), autocast, every=1)
    assert without[0] == with_it[0] and without[2] == with_it[2]
    assert all(torch.equal(a, b) for a, b in zip(without[1], with_it[1], strict=True))


def test_a_cast_that_autocast_keeps_is_not_made_by_a_look():
    """A weight cast under no_grad would be taken for the next step, and have no gradient."""
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with torch.autocast("cpu", torch.bfloat16), nbdebug.watch(live=False, predictions=(inputs[:8], targets[:8]), every=1) as watch:
        for _ in range(6):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
            optimizer.step()
    assert len(watch.result().predictions.steps) == 6


def test_a_look_that_raises_midway_gives_everything_back():
    model = Fussy()
    before = [m.training for m in model.modules()]
    with pytest.raises(RuntimeError):
        look(model, (torch.randn(8, 5), torch.zeros(8).long()), ())
    assert [m.training for m in model.modules()] == before and model.calls == 0 and float(model.seen) == 0


def test_the_same_tensors_stay_in_the_users_hands():
    model = Fussy()
    held = [*model.buffers()], model.state, model.log
    look(model, (torch.randn(8, 64), torch.zeros(8).long()), ())
    assert all(a is b for a, b in zip(held[0], model.buffers(), strict=True)) and model.state is held[1] and model.log is held[2]


def test_nothing_is_heard_of_a_look():
    """No forward pass, no validation loss, no mode of it is among the events of the loop."""
    inputs, targets = features()
    watch = run(mlp(), given=loader(inputs, targets, shuffle=False), every=1)
    assert watch.result().models[0].forwards == 30
    assert "validation loss" not in watch.result().tracks
    assert not list(watch.result().events("mode", "batch"))


def test_an_iterable_dataset_is_read_once_and_the_random_state_stays():
    class Stream(IterableDataset):
        def __iter__(self):
            for _ in range(40):
                yield torch.randn(64), torch.randint(0, 10, ()).item()

    torch.manual_seed(0)
    state = torch.get_rng_state()
    batch, _ = fixed_batch(DataLoader(Stream(), batch_size=16))
    assert len(batch[0]) == 16 and torch.equal(state, torch.get_rng_state())


def test_looking_takes_its_share_of_the_time_and_no_more():
    inputs, targets = features()
    model = mlp(hidden=512)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False, predictions=(inputs[:64], targets[:64]), budget="5%") as watch:
        started = time.perf_counter()
        while time.perf_counter() - started < 4:
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    said = watch.result().predictions
    assert said.seconds <= 0.1 + 0.03 * watch.result().seconds  # what a look takes wavers
    assert len(said.steps) >= 5

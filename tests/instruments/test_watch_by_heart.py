"""A loop that is known by heart: nothing of its order, losses and rates is lost, and whatever is new is heard."""

from __future__ import annotations

import math
import statistics
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.instruments.watch.recorder import Recorder
from tests.patients.parts import features, loader

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from watch_bytecodes import both, by_kind  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

LOOPS = {}


def loop(function):
    LOOPS[function.__name__] = function
    return function


def parts(lr: float = 0.05):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 10))
    return model, torch.optim.SGD(model.parameters(), lr=lr), torch.randn(16, 64), torch.randint(0, 10, (16,))


def step(model, optimizer, x, y, clear=True):
    loss = F.cross_entropy(model(x), y)
    if clear:
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@loop
def plain():
    model, optimizer, x, y = parts()
    for _ in range(40):
        step(model, optimizer, x, y)


@loop
def epochs_with_a_validation_and_a_scheduler():
    model, optimizer, _, _ = parts()
    batches, held = loader(*features()), loader(*features())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    for _ in range(5):
        model.train()
        for x, y in batches:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            for x, y in held:
                F.cross_entropy(model(x), y)


def validated(model, batches, *, most=100):
    model.eval()
    with torch.no_grad():
        for number, (x, y) in enumerate(batches):
            if number == most:
                break
            scores = model(x)
            F.cross_entropy(scores, y)
            F.mse_loss(scores.softmax(1), F.one_hot(y, 10).float(), reduction="sum")


def trained(model, optimizer, batches):
    model.train()
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@loop
def many_epochs_whose_validation_changes_later():
    model, optimizer, x, y = parts()
    batches, held = (DataLoader(TensorDataset(x, y), batch_size=size) for size in (2, 5))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
    for epoch in range(20):
        trained(model, optimizer, batches)
        scheduler.step()
        validated(model, held, most=2 if epoch in (5, 11, 12, 13, 14, 15) else 100)
        if epoch == 9:
            scheduler.step()


@loop
def the_rate_falls_after_every_validation():
    model, optimizer, x, y = parts()
    batches, held = (DataLoader(TensorDataset(x, y), batch_size=size) for size in (2, 16))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(12):
        trained(model, optimizer, batches)
        validated(model, held)
        scheduler.step()


@loop
def validates_without_a_loader_and_once_with_a_graph():
    model, optimizer, x, y = parts()
    for number in range(90):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if number % 6 == 5:
            model.eval()
            with torch.set_grad_enabled(number == 59):
                F.cross_entropy(model(x), y)
            model.train()


@loop
def raises_in_a_validation():
    model, optimizer, x, y = parts()
    batches, held = (DataLoader(TensorDataset(x, y), batch_size=size) for size in (2, 5))
    for epoch in range(14):
        trained(model, optimizer, batches)
        try:
            validated(model, held if epoch != 9 else [*held, (x[:, :3], y)])
        except RuntimeError:
            continue


@loop
def two_validations_that_begin_alike():
    model, optimizer, x, y = parts()
    batches, held, other = (DataLoader(TensorDataset(x, y), batch_size=size) for size in (2, 16, 5))
    for epoch in range(12):
        for number, (a, b) in enumerate(batches):
            step(model, optimizer, a, b)
            if number == 3:
                validated(model, other)
                model.train()
        validated(model, held)
        validated(model, other if epoch != 7 else held)
        model.train()


@loop
def weights_are_averaged_before_every_validation():
    model, optimizer, x, y = parts()
    average = torch.optim.swa_utils.AveragedModel(model)
    batches, held = (DataLoader(TensorDataset(x, y), batch_size=size) for size in (2, 5))
    for _ in range(10):
        trained(model, optimizer, batches)
        average.update_parameters(model)
        validated(average, held)


@loop
def one_batch_an_epoch_and_a_validation_now_and_then():
    model, optimizer, x, y = parts()
    batches = DataLoader(TensorDataset(x, y), batch_size=16)
    for epoch in range(60):
        model.train()
        for a, b in batches:
            step(model, optimizer, a, b)
        if epoch % 10 == 9:
            model.eval()
            with torch.no_grad():
                F.cross_entropy(model(x), y)


@loop
def validates_in_ever_other_ways():
    model, optimizer, x, y = parts()
    batches = DataLoader(TensorDataset(x, y), batch_size=2)
    for epoch in range(9):
        for a, b in batches:
            step(model, optimizer, a, b)
        for _ in range(epoch % 3):
            with torch.no_grad():
                F.cross_entropy(model(x), y)
        if epoch % 4 == 3:
            F.cross_entropy(model(x), y)


@loop
def surprised_in_the_first_update_after_a_validation():
    model, optimizer, x, y = parts()
    batches = DataLoader(TensorDataset(x, y), batch_size=2)
    for epoch in range(9):
        model.train()
        for number, (a, b) in enumerate(batches):
            loss = F.cross_entropy(model(a), b)
            optimizer.zero_grad()
            if (epoch, number) in ((5, 0), (7, 1)):
                F.mse_loss(model(a), torch.zeros(2, 10))
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            F.cross_entropy(model(x), y)


@loop
def surprised_in_the_middle_of_a_cycle():
    model, optimizer, x, y = parts()
    for number in range(60):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        if number in (23, 41):
            F.mse_loss(model(x), torch.zeros(16, 10))
        if number == 50:
            continue
        loss.backward()
        optimizer.step()


@loop
def forgets_to_clear_in_its_second_epoch():
    model, optimizer, x, y = parts()
    for epoch in range(2):
        for _ in range(25):
            step(model, optimizer, x, y, clear=epoch == 0)


@loop
def stops_clearing_later():
    model, optimizer, x, y = parts()
    for number in range(60):
        step(model, optimizer, x, y, clear=number < 30)


@loop
def never_returns_to_train_mode():
    model, optimizer, x, y = parts()
    for number in range(60):
        if number == 30:
            model.eval()
        step(model, optimizer, x, y)


@loop
def accumulates():
    model, optimizer, x, y = parts()
    for number in range(96):
        (F.cross_entropy(model(x), y) / 4).backward()
        if number % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


@loop
def two_players():
    torch.manual_seed(0)
    generator, critic, real = nn.Linear(4, 8), nn.Linear(8, 1), torch.randn(16, 8)
    of_generator, of_critic = (torch.optim.Adam(m.parameters(), 1e-3) for m in (generator, critic))
    for _ in range(40):
        fake = generator(torch.randn(16, 4))
        of_critic.zero_grad()
        (critic(fake.detach()).mean() - critic(real).mean()).backward()
        of_critic.step()
        of_generator.zero_grad()
        (-critic(fake).mean()).backward()
        of_generator.step()


def perturbed(model, optimizer, loss_of, backward, sharpness=True):
    """One update that minimises sharpness (Foret et al., 2021): the gradient is taken where the loss is higher nearby."""
    if sharpness:
        backward(loss_of())
        with torch.no_grad():
            moves = [0.05 * p.grad / (p.grad.norm() + 1e-12) for p in model.parameters()]
            for p, move in zip(model.parameters(), moves, strict=True):
                p.add_(move)
        optimizer.zero_grad()
    backward(loss_of())
    if sharpness:
        with torch.no_grad():
            for p, move in zip(model.parameters(), moves, strict=True):
                p.sub_(move)
    optimizer.step()
    optimizer.zero_grad()


@loop
def sharpness_is_minimised():
    model, optimizer, x, y = parts()
    for number in range(60):
        perturbed(model, optimizer, lambda: F.cross_entropy(model(x), y), lambda loss: loss.backward(), sharpness=number < 35)


@loop
def an_attack_goes_before():
    model, optimizer, x, y = parts()
    for _ in range(60):
        moved = x.clone().requires_grad_()
        F.cross_entropy(model(moved), y).backward()
        optimizer.zero_grad()
        F.cross_entropy(model(x + 0.1 * moved.grad.sign()), y).backward()
        optimizer.step()


@loop
def two_losses_on_one_line():
    model, optimizer, x, y = parts()
    for _ in range(60):
        optimizer.zero_grad()
        scores = model(x)
        for loss in (F.cross_entropy(scores, y), 0.1 * scores.square().mean()):
            loss.backward(retain_graph=True)
        optimizer.step()


@loop
def with_a_closure():
    model, _, x, y = parts()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    for _ in range(15):
        optimizer.step(closure)


@loop
def a_scaler_that_skips():
    model, optimizer, x, y = parts()
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    for number in range(40):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y) * (float("inf") if number == 30 else 1.0)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()


@loop
def clips_and_steps_its_rate():
    model, optimizer, x, y = parts()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    for _ in range(50):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("name", LOOPS)
def test_what_is_known_by_heart_is_told_as_if_it_had_been_heard(name):
    found = []
    for every in (1, 1000):
        with nbdebug.watch(live=False, every=every) as watch:
            LOOPS[name]()
        assert not watch.result().limits
        found.append(watch.result())
    heard, known = found
    assert known.cycles == heard.cycles
    assert {n: t for n, t in known.tracks.items() if n.startswith(("loss", "valid"))} == {n: t for n, t in heard.tracks.items() if n.startswith(("loss", "valid"))}
    assert known.loaders == heard.loaders
    assert [(m.name, m.forwards) for m in known.models] == [(m.name, m.forwards) for m in heard.models]
    assert [(o.steps, o.skipped, o.groups) for o in known.optimizers] == [(o.steps, o.skipped, o.groups) for o in heard.optimizers]
    assert heard.heard == heard.steps
    if name != "with_a_closure":
        assert known.heard < 0.75 * known.steps, "it never slept"


def test_the_loss_of_an_update_is_that_of_the_gradients_its_step_used():
    told = []

    def tells(loss):
        told.append(float(loss.detach()))
        loss.backward()

    with nbdebug.watch(live=False, every=1000) as watch:
        model, optimizer, x, y = parts()
        for number in range(60):
            perturbed(model, optimizer, lambda: F.cross_entropy(model(x), y), tells, sharpness=number < 35)
    used = [*told[1:70:2], *told[70:]]
    assert watch.history()["loss"].tolist() == pytest.approx(used, rel=1e-6)


def test_losses_of_one_line_and_one_forward_pass_are_added():
    with nbdebug.watch(live=False, every=1000) as watch:
        LOOPS["two_losses_on_one_line"]()
    model, _, x, y = parts()
    scores = model(x)
    assert watch.history()["loss"][0] == pytest.approx(float(F.cross_entropy(scores, y) + 0.1 * scores.square().mean()), rel=1e-6)


def test_a_loss_of_an_attack_is_no_part_of_the_update():
    with nbdebug.watch(live=False, every=1000) as watch:
        LOOPS["an_attack_goes_before"]()
    assert [name for name in watch.history() if name.startswith("loss")] == ["loss"] and len(watch.history()) == 60
    model, _, x, y = parts()
    moved = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(model(moved), y), moved)
    assert watch.history()["loss"][0] == pytest.approx(float(F.cross_entropy(model(x + 0.1 * slope.sign()), y)), rel=1e-5)


@pytest.mark.parametrize("name", ["plain", "accumulates", "two_players", "a_scaler_that_skips", "clips_and_steps_its_rate", "epochs_with_a_validation_and_a_scheduler", "many_epochs_whose_validation_changes_later", "the_rate_falls_after_every_validation"])
def test_a_look_while_it_sleeps_sees_what_a_look_while_it_hears_does(name):
    found = []
    for every in (1, 6):
        with nbdebug.watch(live=False, every=every) as watch:
            LOOPS[name]()
        assert not watch.result().limits
        found.append(watch.result())
    heard, slept = ({(t.name, t.what): dict(zip(t.steps, zip(t.rms, t.low, t.high, t.counts, strict=True), strict=True)) for t in r.tensors} for r in found)
    assert slept.keys() == heard.keys() and found[1].heard < 0.75 * found[1].steps
    assert {step for seen in slept.values() for step in seen} >= {6, 12, 18}
    for row, seen in slept.items():
        assert repr(seen) == repr({step: heard[row][step] for step in seen}), row  # NaN differs from itself
    norms = [dict(zip(r.tracks["gradient norm"].steps, r.tracks["gradient norm"].values, strict=True)) for r in found]
    assert repr(norms[1]) == repr({step: norms[0][step] for step in norms[1]})


@pytest.mark.filterwarnings("ignore")
def test_an_error_in_a_forward_pass_that_is_looked_at_leaves_no_hook():
    model, optimizer, x, y = parts()
    with pytest.raises(ZeroDivisionError), nbdebug.watch(live=False, every=6):
        for number in range(60):
            if number == 36:
                model[2].register_forward_hook(lambda *_: 1 / 0)
            step(model, optimizer, x, y)
    assert [len(module._forward_hooks) for module in model] == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("name", "code"),
    [("forgets_to_clear_in_its_second_epoch", "ND603"), ("stops_clearing_later", "ND603"), ("never_returns_to_train_mode", "ND702")],
)
def test_what_goes_wrong_later_is_found(name, code):
    with nbdebug.watch(live=False) as watch:
        LOOPS[name]()
    assert code in {finding.code for finding in watch.report().findings}


def test_the_end_of_an_epoch_is_heard_and_the_updates_after_it_are_slept_through():
    with nbdebug.watch(live=False) as watch:
        model, optimizer, x, y = parts()
        batches = DataLoader(TensorDataset(x, y), batch_size=2)
        for _ in range(20):
            model.train()
            for a, b in batches:
                step(model, optimizer, a, b)
            model.eval()
            with torch.no_grad():
                F.cross_entropy(model(x), y)
    result = watch.result()
    assert result.steps == 160 and result.heard < 10 and len(result.tracks["validation loss"]) == 20


def test_a_validation_that_came_twice_alike_is_slept_through(monkeypatch):
    heard, batch = [], Recorder.batch
    monkeypatch.setattr(Recorder, "batch", lambda self, loader, *rest: (heard.append((self.steps, len(loader))), batch(self, loader, *rest)))
    model, optimizer, x, y = parts()
    batches, held = (DataLoader(TensorDataset(x, y), batch_size=size) for size in (3, 5))
    with nbdebug.watch(live=False, every=1000) as watch:
        for _ in range(12):
            trained(model, optimizer, batches)
            validated(model, held)
    epochs = {step // len(batches) for step, number in heard if number == len(held)}
    assert watch.result().steps == 72 and epochs <= {1, 2, 3} and len(watch.result().tracks["validation loss"]) == 12


def test_an_interrupt_while_it_sleeps_hands_everything_back():
    model, optimizer, x, y = parts()
    call, backward = nn.Module.__call__, torch.autograd.backward
    with pytest.raises(KeyboardInterrupt), nbdebug.watch(live=False) as watch:
        for number in range(60):
            if number == 33:
                raise KeyboardInterrupt
            step(model, optimizer, x, y)
    assert nn.Module.__call__ is call and torch.autograd.backward is backward
    assert not any(module._forward_hooks for module in model.modules())
    result = watch.result()
    assert result.steps == 33 and len(result.tracks["loss"]) == 33 and result.heard < 33


def test_the_first_steps_are_looked_at_then_fewer_and_fewer():
    model, optimizer, x, y = parts(lr=1e-3)
    with nbdebug.watch(live=False) as watch:
        for _ in range(100):
            step(model, optimizer, x, y)
    looked = watch.result().tensors_of("weight")[0].steps
    assert looked[:4] == (0, 1, 2, 3) and watch.result().looked == len(looked)
    assert all(later <= max(before + 1, math.ceil(1.6 * before)) for before, later in zip(looked, looked[1:], strict=False))
    assert len(watch.result().tracks["loss"]) == 100


def test_a_loss_that_jumps_is_looked_at():
    model, optimizer, x, y = parts(lr=1e-3)
    with nbdebug.watch(live=False) as watch:
        for number in range(120):
            optimizer.zero_grad()
            (F.cross_entropy(model(x), y) * (50.0 if number == 77 else 1.0)).backward()
            optimizer.step()
    assert 77 in watch.result().tensors_of("update")[0].steps


def test_a_report_in_the_middle_loses_nothing():
    model, optimizer, x, y = parts()
    with nbdebug.watch(live=False, every=1000) as watch:
        for number in range(60):
            step(model, optimizer, x, y)
            if number == 40:
                assert watch.result().steps == 41
    assert watch.result().steps == 60 and sum(cycle.times for cycle in watch.result().cycles) == 60


def test_an_update_that_is_slept_through_runs_little_python():
    bare, watched, kinds = both()
    more = {kind: statistics.median(several) for kind, several in by_kind(bare, watched, kinds).items()}
    usual = statistics.median(bare)
    assert kinds.count("watched, slept through") > 0.7 * len(kinds)
    assert more["watched, slept through"] < 0.25 * usual  # 0.18 when this was written
    assert more["watched, slept through, looked at"] < 2 * usual  # 1.3

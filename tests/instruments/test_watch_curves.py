"""The numbers of a loop: how they become curves, what a curve does, and what a constant prediction would get."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nbdebug
from nbdebug import curve_shapes
from nbdebug.errors import SetupError
from nbdebug.findings import INFO
from nbdebug.instruments.watch.constant import Constants
from nbdebug.instruments.watch.curves import Curves
from nbdebug.instruments.watch.ledger import Account
from nbdebug.instruments.watch.pace import Pace
from nbdebug.instruments.watch.reading.learning import Loss, losses, only_loss
from nbdebug.instruments.watch.reading.motion import is_range_test, motions
from nbdebug.instruments.watch.recorder import Step
from nbdebug.instruments.watch.result import Constant, Track, WatchResult


def account(*rates: float) -> Account:
    groups = [{"params": [nn.Parameter(torch.zeros(2))], "lr": rate} for rate in rates]
    return Account("optimizer", torch.optim.SGD(groups, lr=1.0))


def descend(curves: Curves, *values: float, reached: str = "optimizer", place: int = 1, divided: bool = False) -> None:
    for value in values:
        curves.about_to_descend([torch.tensor(value)])
        curves.descended(reached, place, divided, False)


def noisy(length: int, level: float = 1.0, spread: float = 0.1, slope: float = 0.0) -> list[float]:
    draw = random.Random(0)
    return [level + slope * i + draw.gauss(0, spread) for i in range(length)]


# -- from calls to curves ------------------------------------------------------------------------------------------


def test_a_loss_that_is_the_only_one_is_called_loss():
    curves, only = Curves(), account(0.1)
    for step, value in enumerate((3.0, 2.0, 1.0)):
        descend(curves, value)
        curves.updated(only)
        curves.close(step, sampled=False)
    assert curves.plain()["loss"].values == (3.0, 2.0, 1.0)
    assert curves.plain()["learning rate"].values == (0.1,)  # as long as it stays the same


def test_the_losses_of_two_optimizers_are_two_curves():
    curves = Curves()
    descend(curves, 1.0, reached="critic")
    descend(curves, 2.0, reached="generator")
    curves.close(0, sampled=False)
    assert {name for name in curves.plain() if name.startswith("loss")} == {"loss of critic", "loss of generator"}


def test_undivided_accumulation_shows_its_mean():
    curves = Curves()
    descend(curves, 1.0, 3.0)
    assert curves.close(0, sampled=False).loss == 2.0


def test_divided_accumulation_shows_its_sum():
    curves = Curves()
    descend(curves, 0.5, 1.5, divided=True)
    assert curves.close(0, sampled=False).loss == 2.0


def test_several_losses_of_one_step_are_added():
    curves = Curves()
    descend(curves, 1.0, place=1)
    descend(curves, 3.0, place=2)
    assert curves.close(0, sampled=False).loss == 4.0


def test_a_validation_loss_is_the_mean_over_samples():
    curves = Curves()
    curves.validated("mse_loss", torch.tensor(1.0), 30)
    curves.validated("mse_loss", torch.tensor(4.0), 10)
    assert curves.plain()["validation loss"].values == (1.75,)


def test_every_group_has_its_own_rate():
    curves = Curves()
    curves.updated(account(0.1, 0.2))
    curves.close(0, sampled=False)
    named = {name: track.values for name, track in curves.plain().items() if name.startswith("learning rate")}
    assert named == {"learning rate optimizer, group 0": (0.1,), "learning rate optimizer, group 1": (0.2,)}


def test_a_fresh_loader_each_epoch_is_no_validation():
    model, data = nn.Linear(2, 1), torch.randn(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        for _ in range(3):
            for x in torch.utils.data.DataLoader(data, batch_size=4):
                optimizer.zero_grad()
                F.mse_loss(model(x), x[:, :1]).backward()
                optimizer.step()
    assert "validation loss" not in watch.result().tracks


def test_a_validation_that_forgot_no_grad_is_one():
    model, data = nn.Linear(2, 1), torch.randn(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train_loader, val_loader = (torch.utils.data.DataLoader(data, batch_size=4) for _ in range(2))
    with nbdebug.watch(live=False) as watch:
        for _ in range(2):
            for x in train_loader:
                optimizer.zero_grad()
                F.mse_loss(model(x), x[:, :1]).backward()
                optimizer.step()
            for x in val_loader:
                F.mse_loss(model(x), x[:, :1])
    assert len(watch.result().tracks["validation loss"]) >= 2


def test_parameters_without_a_module_are_seen_step_by_step():
    weight = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.25)
    with nbdebug.watch(live=False) as watch:
        for _ in range(3):
            loss = ((weight - 1) ** 2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    result = watch.result()
    assert result.tracks["loss"].values == pytest.approx((3.0, 0.75, 0.1875))
    (motion,) = motions(result)
    assert motion.steps == (0, 1, 2)
    assert motion.updates == pytest.approx([math.sqrt(3) / 2**k for k in (1, 2, 3)])


# -- pace ----------------------------------------------------------------------------------------------------------


def step(number: int, seconds: float, *, sampled: bool) -> Step:
    return Step(number, 1.0, None, None, seconds, sampled)


def test_every_third_step_is_sampled():
    assert [number for number in range(9) if Pace(3, None).due(number)] == [0, 3, 6]


@pytest.mark.parametrize("extra", [0.1, 1.0])
def test_a_budget_chooses_every_so_that_its_share_is_kept(extra):
    pace = Pace(None, 0.05)
    sampled, spent = 0, 0.0
    for number in range(400):
        looked = pace.due(number)
        sampled += looked and number >= 100
        spent += extra * looked
        pace.passed(step(number, 1.0 + extra * looked, sampled=looked), spent)
    assert sampled * extra / 300 <= 0.05
    assert sampled > 0


@pytest.mark.parametrize("given", [(0, None), (1.5, None), (True, None), (2, 0.1)])
def test_a_pace_that_cannot_be_is_refused(given):
    with pytest.raises(SetupError, match="every"):
        Pace(*given)


# -- what a curve does ---------------------------------------------------------------------------------------------


def test_noise_is_told_without_the_trend():
    assert curve_shapes.noise(noisy(400, slope=0.05)) == pytest.approx(0.1, rel=0.2)


def test_noise_neither_falls_nor_rises():
    assert not curve_shapes.fell(noisy(200))
    assert not curve_shapes.rose(noisy(200))


@pytest.mark.parametrize("slope", [-0.002, 0.002])
def test_a_trend_is_seen_through_noise(slope):
    values = noisy(300, slope=slope)
    assert (curve_shapes.fell(values), curve_shapes.rose(values)) == (slope < 0, slope > 0)


def test_one_wild_value_decides_nothing():
    values = noisy(100)
    values[-1] = 1e6
    assert not curve_shapes.rose(values)
    assert curve_shapes.end(values) == pytest.approx(1.0, abs=0.1)


def test_a_plateau_begins_where_the_fall_ends():
    values = [3 - 0.02 * i for i in range(100)] + noisy(300)
    first = curve_shapes.flat_since(values)
    assert first is not None
    assert 80 <= first <= 140  # it looks at every twentieth part


def test_what_falls_to_the_end_has_no_plateau():
    assert curve_shapes.flat_since(noisy(300, level=3, slope=-0.006)) is None


def test_agreement_is_one_for_a_steady_rise():
    assert curve_shapes.agreement([1.0, 2.0, 3.0, 4.0]) == 1
    assert curve_shapes.agreement([1.0, 3.0, 2.0, 4.0]) == pytest.approx(2 / 3)
    assert curve_shapes.agreement([4.0, 3.0, 2.0]) == -1


def test_a_lasting_rise_is_an_excursion_and_a_single_spike_is_none():
    values = noisy(200, spread=0.02)
    values[60] = 50.0
    assert curve_shapes.excursions(values, 2.5, 3) == []
    values[120:130] = [8.0] * 10
    (found,) = curve_shapes.excursions(values, 2.5, 3)
    assert (abs(found.first - 120) <= 2, found.returned, found.top) == (True, True, 8.0)


def test_what_never_comes_back_is_said_to():
    values = noisy(100, spread=0.02) + [9.0] * 50
    assert [e.returned for e in curve_shapes.excursions(values, 2.5, 3)] == [False]


@pytest.mark.parametrize("best", [0.0, 1e-9, 1e-4])
def test_what_wavers_next_to_zero_is_thrown_back_by_what_it_began_with(best):
    """A loss of 2 came down to next to nothing: a hundredth is no way back, however many times the best level it is."""
    fallen = [2.0 * 0.8**i for i in range(40)] + [best] * 60
    assert curve_shapes.excursions([*fallen, *[0.02] * 10, *[best] * 40], 2.5, 3) == []
    (found,) = curve_shapes.excursions([*fallen, *[1.5] * 10, *[best] * 40], 2.5, 3)
    assert (found.top, found.returned) == (1.5, True)
    assert found.before == pytest.approx(best)


def test_a_loss_below_zero_has_no_multiples():
    """-1 is 2.5 times -2.5 by arithmetic alone, and any wiggle is."""
    values = [1.0 - 0.05 * i for i in range(100)] + [-3.9 + 0.05 * (i % 3) for i in range(60)]
    assert curve_shapes.excursions(values, 2.5, 3) == []


# -- a constant prediction -----------------------------------------------------------------------------------------


def constant_of(function: str, target: torch.Tensor, given: torch.Tensor, **settings: object) -> float:
    constants = Constants()
    constants.seen(function, 0, torch.tensor(0.0), (given, target), settings)
    (found,) = constants.plain()
    return found.loss


def test_for_classes_it_is_the_entropy_of_their_frequencies():
    targets = torch.tensor([0] * 192 + [1] * 64)
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert constant_of("cross_entropy", targets, torch.zeros(256, 2)) == pytest.approx(entropy)
    assert constant_of("nll_loss", targets, torch.zeros(256, 2)) == pytest.approx(entropy)


def test_positions_that_are_ignored_do_not_count():
    targets = torch.tensor([0, 1, -100, -100] * 64)
    assert constant_of("cross_entropy", targets, torch.zeros(256, 2), ignore_index=-100) == pytest.approx(math.log(2))


def test_smoothing_and_weights_are_those_of_the_loss_itself():
    targets = torch.tensor([0] * 192 + [1] * 64)
    weight = torch.tensor([1.0, 3.0])
    scores = torch.zeros(256, 2)
    assert constant_of("cross_entropy", targets, scores, weight=weight) == pytest.approx(math.log(2))
    free = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.LBFGS([free], max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(free.expand(256, 2), targets, label_smoothing=0.2)
        loss.backward()
        return loss.detach()

    optimizer.step(closure)
    assert constant_of("cross_entropy", targets, scores, label_smoothing=0.2) == pytest.approx(float(closure()), abs=1e-4)


def test_for_squares_it_is_the_variance_and_for_distances_the_deviation_from_the_median():
    targets = torch.randn(256, 3, generator=torch.Generator().manual_seed(0)).exp()
    assert constant_of("mse_loss", targets, targets) == pytest.approx(float(targets.var(0, unbiased=False).mean()), rel=1e-5)
    deviation = (targets - targets.median(0).values).abs().mean()
    assert constant_of("l1_loss", targets, targets) == pytest.approx(float(deviation), rel=1e-5)


def test_for_yes_and_no_it_is_the_entropy_of_each_column():
    targets = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).repeat(100, 1)
    assert constant_of("binary_cross_entropy_with_logits", targets, targets) == pytest.approx(math.log(2) / 2, rel=1e-4)


def test_the_loss_modules_are_understood_as_they_call():
    """nn.BCEWithLogitsLoss passes its weight by position."""
    for loss_fn, targets in ((nn.BCEWithLogitsLoss(), (torch.arange(256) % 2).float()[:, None]), (nn.CrossEntropyLoss(), torch.arange(256) % 2)):
        model = nn.Linear(3, 1 if targets.dim() > 1 else 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with nbdebug.watch(live=False) as watch:
            loss_fn(model(torch.randn(256, 3)), targets).backward()
            optimizer.step()
        (found,) = watch.result().constants
        assert found.loss == pytest.approx(math.log(2))


bound_before = F.cross_entropy  # no tap hears it
CLASSES = torch.tensor([0] * 192 + [1] * 64)


def constants_under(loss_of) -> tuple[Constant, ...]:
    """Of one step of a loop whose loss is this of the scores (256, 2)."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        loss_of(model(torch.randn(256, 3))).backward()
        optimizer.step()
    return watch.result().constants


def test_a_loss_function_bound_before_is_known_by_its_graph():
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    ignored = torch.where(torch.rand(256) < 0.25, -100, CLASSES)
    for targets, expected in ((CLASSES, pytest.approx(entropy)), (ignored, pytest.approx(float(F.cross_entropy(shares(ignored), ignored))))):
        (bound,), (called,) = (constants_under(lambda s, f=f, t=targets: f(s, t)) for f in (bound_before, lambda s, t: F.cross_entropy(s, t)))
        assert (bound.function, bound.calls) == (called.function, called.calls) == ("cross_entropy", 1)
        assert bound.loss == called.loss == expected


def shares(targets: torch.Tensor) -> torch.Tensor:
    """The best constant scores."""
    return torch.bincount(targets[targets >= 0]).float().log().expand(len(targets), -1)


def test_of_more_than_a_loss_function_the_graph_says_nothing():
    assert constants_under(lambda s: bound_before(s, CLASSES) + s.square().mean()) == ()
    assert constants_under(lambda s: bound_before(s, CLASSES, reduction="sum")) == ()
    assert constants_under(lambda s: s.square().mean()) == ()


def test_what_a_tap_heard_is_not_counted_twice():
    (found,) = constants_under(lambda s: F.cross_entropy(s, CLASSES))
    assert found.calls == 1


@pytest.mark.parametrize(
    ("function", "target", "settings"),
    [
        ("mse_loss", torch.zeros(256, 1), {"reduction": "sum"}),
        ("mse_loss", torch.zeros(256, 1), {"weight": torch.ones(256, 1)}),
        ("binary_cross_entropy_with_logits", torch.zeros(256, 1), {"pos_weight": torch.ones(1)}),
        ("cross_entropy", torch.arange(256), {}),  # too few of each class
        ("kl_div", torch.zeros(256, 1), {}),
        ("mse_loss", torch.zeros(8, 1), {}),  # too few
    ],
)
def test_where_it_cannot_be_told_nothing_is_said(function, target, settings):
    given = torch.zeros(256, 256) if function == "cross_entropy" else torch.zeros(len(target), 1)
    constants = Constants()
    constants.seen(function, 0, torch.tensor(0.0), (given, target), settings)
    assert constants.plain() == ()


# -- learning ------------------------------------------------------------------------------------------------------


def loss_of(values: list[float], constant: float | None = None) -> Loss:
    track = Track("loss", tuple(range(len(values))), tuple(values), tuple(values), tuple(values))
    known = () if constant is None else (Constant("mse_loss", constant, len(values), tuple((i, v, constant) for i, v in enumerate(values))),)
    found = only_loss(WatchResult(steps=len(values), every=1, seconds=1.0, overhead=None, tracks={"loss": track}, constants=known))
    assert found is not None
    return found


def test_a_loss_is_compared_with_a_constant_prediction_on_the_same_targets():
    assert loss_of([1.0] * 50, 1.0).knows_a_constant()
    assert not loss_of([0.9] * 50, 1.0).at_constant()
    assert loss_of([3.0] * 50, 1.0).at_constant()
    assert not loss_of([3.0] * 50, 1.0).knows_a_constant()


def test_a_sum_of_losses_is_not_compared_with_one_of_them():
    values = [1.0] * 20
    track = Track("loss", tuple(range(20)), tuple(values), tuple(values), tuple(values))
    known = (Constant("mse_loss", 0.5, 20, tuple((i, 0.5, 0.5) for i in range(20))),)
    (loss,) = losses(WatchResult(steps=20, every=1, seconds=1.0, overhead=None, tracks={"loss": track}, constants=known))
    assert loss.constant is None


def test_a_loss_that_is_lost_for_good_is_told_from_one_that_came_back():
    assert loss_of([1.0] * 10 + [math.nan] * 10).nonfinite_since() == 10
    assert loss_of([1.0] * 10 + [math.nan] + [1.0] * 10).nonfinite_since() is None


def test_a_rate_raised_by_the_same_factor_to_the_end_is_a_range_test():
    def watched(rate) -> WatchResult:
        model = nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        with nbdebug.watch(live=False) as watch:
            for number in range(30):
                optimizer.param_groups[0]["lr"] = rate(number)
                optimizer.zero_grad()
                model(torch.ones(4, 2)).mean().backward()
                optimizer.step()
        return watch.result()

    tested, warmed = watched(lambda i: 1e-6 * 1.3**i), watched(lambda i: 1e-3 * (i + 1))
    assert is_range_test(tested, motions(tested)[0])
    assert not is_range_test(warmed, motions(warmed)[0])


def test_where_harder_data_by_design_raise_the_loss_no_line_is_named():
    torch.manual_seed(0)
    targets = torch.randint(0, 4, (1600,))
    clear, noise = torch.randn(4, 16)[targets], torch.randn(1600, 16)
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with nbdebug.watch(live=False) as watch:
        for noisiness in (0.2, 1.0, 2.0, 4.0):
            for x, y in zip((clear + noisiness * noise).split(50), targets.split(50), strict=True):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
    told = [finding for finding in watch.report().findings if finding.code == "ND706"]
    assert [(one.severity, one.location.line) for one in told] == [(INFO, None)]

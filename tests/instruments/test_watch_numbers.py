"""The numbers engine of watch: exact where it must be, sampled where it may be, and without a trace in the training."""

from __future__ import annotations

import copy
import math
import sys
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from nbdebug.instruments.watch.numbers import (
    LABELS,
    Norms,
    Numbers,
    Tracks,
    beyond_fp16,
    engine,
    lost_in_bf16,
    lost_in_fp16,
    sampler,
    together,
)
from nbdebug.instruments.watch.numbers.histories import Histories
from nbdebug.instruments.watch.numbers.links import KEEPS, TELLS, TELLS_BACK
from nbdebug.instruments.watch.numbers.reduction import RECORD
from nbdebug.instruments.watch.numbers.tracks import POINTS
from nbdebug.instruments.watch.numbers.values import SAMPLE, host_array, places
from nbdebug.instruments.watch.result import TensorTrack, Track
from nbdebug.tensor_stats import measure

NAN, INF = math.nan, math.inf


class Values(nn.Module):
    """Returns a tensor as it was given, times one, so that it has a graph."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values
        self.one = nn.Parameter(torch.ones((), dtype=values.dtype if values.is_floating_point() else None))

    def forward(self) -> Tensor:
        return self.values * self.one


def steps(
    model: nn.Module, *given: Any, times: int = 1, numbers: Numbers | None = None, scale: float = 1.0,
    loss: Callable[[Any], Tensor] = lambda output: output.float().pow(2).mean(), optimizer: Any = None,
) -> tuple[Numbers, Norms]:  # fmt: skip
    """Trains, with every step sampled as the session does it."""
    numbers = numbers or Numbers()
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    numbers.name_model(model, "")
    for step in range(times):
        numbers.begin(step)
        optimizer.zero_grad()
        undo = numbers.listen(model)
        try:
            output = model(*given)
        finally:
            undo()
        loss(output).backward()
        numbers.before_step(optimizer, scale=scale)
        optimizer.step()
        numbers.after_step(optimizer)
        norms = numbers.end(step)
    return numbers, norms


def nonfinite(numbers: Numbers) -> dict[str, int]:
    """What held NaN or Inf in the last step that was sampled, and how many."""
    tracks = numbers.tensor_tracks()
    last = max(t.steps[-1] for t in tracks)
    return {f"{t.what} of {t.name}": t.nonfinite[-1] for t in tracks if t.steps[-1] == last and t.nonfinite[-1]}


def track(numbers: Numbers, name: str, what: str) -> TensorTrack:
    return next(t for t in numbers.tensor_tracks() if (t.name, t.what) == (name, what))


def seen(values: Tensor) -> TensorTrack:
    """The activation track of a module that returns these values."""
    return track(steps(Values(values), loss=lambda output: output.float().nan_to_num(0, 0, 0).sum() * 0)[0], "(the model itself)", "activation")


# -- what is counted ----------------------------------------------------------------------------------------------------


def test_of_a_small_tensor_everything_is_counted() -> None:
    values = torch.tensor([0.0, -0.0, 1.0, -1.5, 2.0, 1e-40, 2.0**-30, 70000.0, NAN, INF, -INF, -INF])
    found = seen(values)
    counts = dict(zip(LABELS, found.counts[0], strict=True))
    assert {label: n for label, n in counts.items() if n} == {"0": 2, "subnormal": 1, "<2^-24": 1, "2^0": 2, "2^1": 1, "≥2^16": 1}
    assert (found.nan, found.positive_inf, found.negative_inf) == ((1,), (1,), (2,))
    assert found.elements == found.looked_at[0] == 12 == sum(found.counts[0]) + found.nonfinite[0]
    assert (beyond_fp16(found.counts[0]), lost_in_fp16(found.counts[0]), lost_in_bf16(found.counts[0])) == (1, 2, 1)


def test_moments_are_those_of_the_finite_elements() -> None:
    found = seen(torch.tensor([3.0, -4.0, 0.0, NAN, INF]))
    assert (found.low, found.high) == ((-4.0,), (3.0,))
    assert found.mean[0] == pytest.approx(-1 / 3) and found.rms[0] == pytest.approx(math.sqrt(25 / 3))
    assert found.std[0] == pytest.approx(math.sqrt(25 / 3 - 1 / 9))


def test_a_small_tensor_is_measured_as_tensor_stats_does() -> None:
    values = torch.randn(SAMPLE, generator=torch.Generator().manual_seed(0)) * torch.logspace(-9, 6, SAMPLE)
    found, expected = seen(values), measure(values)
    assert found.counts[0] == (0, 0, *expected.magnitudes)
    assert (found.rms[0], found.mean[0], found.std[0]) == pytest.approx((expected.rms, expected.mean, expected.std), rel=1e-6)
    assert (found.low[0], found.high[0]) == (expected.min, expected.max)


def test_the_sample_of_a_large_tensor_is_like_the_tensor() -> None:
    values = torch.randn(64, 32, 16, 16, generator=torch.Generator().manual_seed(0))
    found, expected = seen(values), measure(values)
    assert (found.elements, found.looked_at[0], sum(found.counts[0])) == (values.numel(), SAMPLE, SAMPLE)
    assert found.rms[0] == pytest.approx(expected.rms, rel=4 / math.sqrt(2 * SAMPLE))  # four standard errors
    shares = np.array(found.counts[0][2:]) / SAMPLE - np.array(expected.magnitudes) / values.numel()
    assert np.abs(shares).max() < 4 * 0.5 / math.sqrt(SAMPLE)


@pytest.mark.parametrize("shape", [(256, 256), (64, 32, 16, 16), (128, 1024), (4, 128, 256), (100_003,)])
def test_samples_do_not_line_up_with_columns_channels_or_the_diagonal(shape: tuple[int, ...]) -> None:
    number = math.prod(shape)
    where = np.stack(np.unravel_index(places(number, SAMPLE).numpy(), shape))
    assert len(np.unique(where, axis=1).T) == SAMPLE
    for size, coordinates in zip(shape, where, strict=True):  # random places fill 63 % of as many boxes
        assert len(np.unique(coordinates)) > 0.5 * min(size, SAMPLE)
    if len(shape) == 2:
        assert np.count_nonzero(where[0] == where[1]) < 8
    assert np.diff(places(number, SAMPLE).numpy()).max() <= 2 * math.ceil(number / SAMPLE)  # no stretch is left out


@pytest.mark.parametrize("place", [0, 1, 4999, 65_537, 99_999])
@pytest.mark.parametrize("value, field", [(NAN, "nan"), (INF, "positive_inf"), (-INF, "negative_inf")])
def test_a_single_nonfinite_element_is_counted_wherever_it_lies(place: int, value: float, field: str) -> None:
    values = torch.zeros(100_000)
    values[place] = value
    found = seen(values)
    assert getattr(found, field) == (1,) and found.nonfinite == (1,)


def test_opposite_infinities_do_not_cancel() -> None:
    values = torch.zeros(100_000)
    values[7], values[-7], values[70] = INF, -INF, NAN
    found = seen(values)
    assert (found.nan, found.positive_inf, found.negative_inf) == ((1,), (1,), (1,))


@pytest.mark.parametrize("dtype, large", [(torch.float32, 3e38), (torch.float16, 6e4), (torch.bfloat16, 3e38), (torch.float64, 1e308)])
def test_a_sum_that_overflows_is_no_infinity(dtype: torch.dtype, large: float) -> None:
    found = seen(torch.full((5000,), large, dtype=dtype))
    assert found.nonfinite == (0,)
    assert found.counts[0][-2 if dtype == torch.float16 else -1] == SAMPLE
    assert math.isfinite(found.high[0])


def test_a_value_that_float16_cannot_hold_is_counted_as_infinity() -> None:
    values = torch.zeros(5000, dtype=torch.float16)
    values[4321] = 1e6
    assert seen(values).positive_inf == (1,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_widened(dtype: torch.dtype) -> None:
    values = torch.tensor([0.5, -0.5, 0.25, 8.0], dtype=dtype)
    found = seen(values)
    assert found.rms[0] == pytest.approx(measure(values).rms, rel=1e-6) and found.counts[0][2:] == measure(values).magnitudes


def test_float64_beyond_float32_becomes_neither_infinite_nor_zero() -> None:
    found = seen(torch.tensor([1e300, -1e300, 1e-300, 0.0, INF], dtype=torch.float64))
    counts = dict(zip(LABELS, found.counts[0], strict=True))
    assert (counts["≥2^16"], counts["subnormal"], counts["0"], found.nonfinite[0]) == (2, 1, 1, 1)


def test_a_complex_tensor_is_seen_by_its_magnitude() -> None:
    found = seen(torch.tensor([3 + 4j, 0j]))
    assert (found.high[0], found.counts[0][0]) == (5.0, 1)


@pytest.mark.parametrize(
    "values",
    [
        torch.arange(4096.0).reshape(4, 16, 8, 8).to(memory_format=torch.channels_last),
        torch.arange(4096.0).reshape(64, 64).T,
        torch.arange(8192.0)[::2],
        torch.arange(64.0).expand(64, 64),
        torch.arange(10.0)[3:8],
    ],
    ids=["channels last", "transposed", "every second", "expanded", "slice"],
)
def test_any_strides_are_read_within_their_own_elements(values: Tensor) -> None:
    found = seen(values)
    assert found.elements == values.numel() and found.nonfinite == (0,)
    assert values.min() <= found.low[0] <= found.mean[0] <= found.high[0] <= values.max()
    assert found.mean[0] == pytest.approx(float(values.mean()), rel=0.15)


# -- layers -------------------------------------------------------------------------------------------------------------


def test_the_gradient_of_an_output_is_what_backward_says_on_paper() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Identity())
    nn.init.constant_(model[0].weight, 2.0)
    numbers, _ = steps(model, torch.tensor([[3.0]]), loss=lambda y: y.sum() ** 2)  # y = 6, dy = 12, dw = 36
    assert track(numbers, "0", "activation").high == (6.0,)
    assert track(numbers, "0", "activation gradient").high == track(numbers, "1", "activation gradient").high == (12.0,)
    assert track(numbers, "0.weight", "gradient").high == (36.0,)
    assert track(numbers, "0.weight", "update").high[0] == pytest.approx(-3.6)
    assert track(numbers, "0.weight", "weight").high[0] == pytest.approx(-1.6)


@pytest.mark.parametrize("declared", [True, False], ids=["ReLU(inplace=True)", "relu_() in forward"])
def test_what_is_overwritten_in_place_was_looked_at_before(declared: bool) -> None:
    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.act = nn.Linear(2, 2, bias=False), nn.ReLU(inplace=True)
            nn.init.eye_(self.linear.weight)
            if not declared:
                del self.act

        def forward(self, x: Tensor) -> Tensor:
            y = self.linear(x)
            return self.act(y) if declared else y.relu_()

    model = Written()
    numbers, _ = steps(model, torch.tensor([[-1.0, 1.0]]), times=3, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    linear = track(numbers, "linear", "activation")
    assert linear.steps == ((0, 1, 2) if declared else (1, 2))  # of the first step no wrong number is shown
    assert set(linear.low) == {-1.0}
    assert track(numbers, "linear", "activation gradient").counts[-1][0] == 1  # what ReLU let through: one of two
    if declared:
        assert track(numbers, "act", "activation gradient").counts[-1][0] == 1  # 2·y/2 at y = (0, 1)


def test_a_nan_that_is_overwritten_in_place_is_seen_all_the_same() -> None:
    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x).mul_(2)

    numbers, _ = steps(Written(), torch.tensor([[NAN, 1.0]]), times=2)  # from the second on it is looked at at once
    assert nonfinite(numbers)["activation of linear"] == 2


def test_a_cell_called_many_times_fills_one_row_and_loses_no_nan() -> None:
    class Unrolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.RNNCell(4, 64)

        def forward(self, x: Tensor) -> Tensor:
            state = torch.zeros(32, 64)
            for t in range(50):
                state = self.cell(x[t], state)
                if t == 33:
                    state = state.index_fill(0, torch.tensor([5]), 0.0)
            return state

    model, x = Unrolled(), torch.randn(50, 32, 4)
    numbers, _ = steps(model, x, times=2)
    cell = track(numbers, "cell", "activation")
    assert cell.elements == 50 * 32 * 64 and 0 < cell.looked_at[1] <= SAMPLE
    assert track(numbers, "cell", "activation gradient").elements == 50 * 32 * 64
    x[33, 5] = NAN  # of this call, whose output is mended before the next
    numbers, _ = steps(model, x, numbers=numbers)
    assert track(numbers, "cell", "activation").nan[-1] == 64


def test_a_shared_module_is_one_row_of_all_its_calls() -> None:
    shared = nn.Linear(8, 8)
    numbers, _ = steps(nn.Sequential(shared, nn.Tanh(), shared), torch.randn(4, 8))
    assert track(numbers, "0", "activation").elements == 64
    assert [t.name for t in numbers.tensor_tracks() if t.what == "weight"] == ["0.weight", "0.bias"]


def test_outputs_in_tuples_dicts_and_namedtuples_are_found() -> None:
    Output = namedtuple("Output", "indices logits")

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> dict[str, Any]:
            return {"out": Output(torch.arange(3), x * self.weight)}

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.attention, self.head = nn.LSTM(4, 4, batch_first=True), nn.MultiheadAttention(4, 2), Head()

        def forward(self, x: Tensor) -> Tensor:
            y, _ = self.lstm(x)
            return self.head(self.attention(y, y, y)[0])["out"].logits

    numbers, _ = steps(Model(), torch.randn(2, 3, 4))
    heard = {(t.name, t.what) for t in numbers.tensor_tracks()}
    assert {(n, f"activation{w}") for n in ("lstm", "attention", "head") for w in ("", " gradient")} <= heard
    assert not numbers.left_out


def test_a_gradient_is_heard_through_views() -> None:
    numbers, _ = steps(nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (2, 3)), nn.Flatten()), torch.ones(1, 4), loss=lambda y: y.sum())
    for name in "012":
        found = track(numbers, name, "activation gradient")
        assert (found.elements, found.low, found.high) == (6, (1.0,), (1.0,))


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpointed_block_is_counted_once_and_its_weights_get_their_gradients(reentrant: bool) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.head = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(checkpoint(self.block, x, use_reentrant=reentrant))

    numbers, norms = steps(Model(), torch.randn(3, 4, requires_grad=True))
    assert track(numbers, "block.0", "activation").elements == 12
    assert track(numbers, "block.0.weight", "gradient").rms[0] > 0 and math.isfinite(norms.optimizers["SGD"])


def test_layers_that_are_exchanged_or_added_are_heard_from_the_next_step_on() -> None:
    model = nn.Sequential(nn.Linear(4, 4))
    numbers, _ = steps(model, torch.randn(2, 4))
    model.append(nn.Tanh())
    model[0] = nn.Linear(4, 5)
    numbers, _ = steps(model, torch.randn(2, 4), numbers=numbers)
    assert track(numbers, "1", "activation").elements == 10


def test_a_lazy_layer_is_called_by_what_it_has_become() -> None:
    model = nn.Sequential(nn.LazyLinear(3))
    model(torch.ones(1, 2))
    assert track(steps(model, torch.ones(1, 2))[0], "0", "activation").kind == "Linear"
    fresh = nn.Sequential(nn.LazyLinear(3))
    numbers = Numbers()
    numbers.name_model(fresh, "")
    numbers.begin(0)
    undo = numbers.listen(fresh)
    fresh(torch.ones(1, 2))
    undo()
    numbers.end(0)
    assert [t.kind for t in numbers.tensor_tracks()] == ["Linear"]


def test_what_cannot_be_looked_at_is_left_out_and_the_loop_goes_on() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.nested, self.meta, self.integers, self.empty = (nn.Identity() for _ in range(4))
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            self.nested(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]))
            self.meta(torch.ones(3, device="meta"))
            self.integers(torch.arange(3))
            self.empty(x[:0])
            torch.func.vmap(self.linear)(x)
            return self.linear(x)

    numbers, _ = steps(Odd(), torch.ones(2, 2))
    assert set(numbers.left_out) == {"nested", "meta", "linear"}
    assert "meta device" in numbers.left_out["meta"] and "vmap" in numbers.left_out["linear"]
    assert {t.name for t in numbers.tensor_tracks() if t.what == "activation"} == {"linear"}


# -- parameters ---------------------------------------------------------------------------------------------------------


def test_the_norm_is_that_of_all_gradients_of_a_group() -> None:
    first, second = nn.Parameter(torch.zeros(3000)), nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.SGD([{"params": [first]}, {"params": [second]}], lr=1.0)
    first.grad, second.grad = torch.full((3000,), 0.1), torch.full((4,), 2.0)
    numbers = Numbers()
    numbers.begin(5)
    numbers.before_step(optimizer, scale=2.0, name="opt")
    norms = numbers.end(5)
    assert norms.groups == pytest.approx({"opt, group 0": math.sqrt(30) / 2, "opt, group 1": 2.0})
    assert norms.optimizers == pytest.approx({"opt": math.sqrt(30 / 4 + 4)})
    assert track(numbers, "parameter 0 of opt, group 1", "gradient").high == (1.0,)  # the scale is taken out


@pytest.mark.parametrize("dtype, large", [(torch.float32, 3e38), (torch.float16, 6e4)])
def test_a_norm_whose_square_overflows_is_finite(dtype: torch.dtype, large: float) -> None:
    parameter = nn.Parameter(torch.zeros(400, dtype=dtype))
    parameter.grad = torch.full_like(parameter, large)
    numbers = Numbers()
    numbers.begin(0)
    numbers.before_step(torch.optim.SGD([parameter], lr=1.0))
    norms = numbers.end(0)
    assert norms.optimizers["SGD"] == pytest.approx(20 * large, rel=1e-3) and not nonfinite(numbers)


def test_one_nan_in_a_gradient_is_named_and_makes_the_norm_nan() -> None:
    model = nn.Sequential(nn.Linear(300, 300))
    numbers = Numbers()
    numbers.name_model(model, "net: ")
    numbers.begin(0)
    model[0].weight.grad = torch.zeros(300, 300)
    model[0].weight.grad[299, 298] = NAN
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    numbers.before_step(optimizer)
    optimizer.step()
    numbers.after_step(optimizer)
    assert math.isnan(numbers.end(0).groups["SGD"])
    assert nonfinite(numbers) == {f"{what} of net: 0.weight": 1 for what in ("gradient", "weight", "update")}


def test_an_update_of_weights_that_were_not_finite_is_counted_exactly() -> None:
    parameter = nn.Parameter(torch.zeros(1000))
    with torch.no_grad():
        parameter[3], parameter[4] = INF, NAN
    parameter.grad = torch.ones(1000)
    numbers, optimizer = Numbers(), torch.optim.SGD([parameter], lr=0.1)
    for step in range(2):
        numbers.begin(step)
        numbers.before_step(optimizer)
        optimizer.step()
        numbers.after_step(optimizer)
        numbers.end(step)
    update, weight = (track(numbers, "parameter 0 of SGD", what) for what in ("update", "weight"))
    assert (weight.nan, weight.positive_inf) == ((1, 1), (1, 1))
    assert (update.nan, update.positive_inf) == ((2, 2), (0, 0))  # Inf − Inf is NaN


def test_an_update_is_what_the_step_did_and_not_what_came_between() -> None:
    parameter = nn.Parameter(torch.zeros(4))
    numbers, optimizer = Numbers(), torch.optim.SGD([parameter], lr=1.0)
    for step in range(2):
        numbers.begin(step)
        parameter.grad = torch.full((4,), 0.5)
        numbers.before_step(optimizer)
        optimizer.step()
        numbers.after_step(optimizer)
        numbers.end(step)
        with torch.no_grad():
            parameter.fill_(100.0)
    assert track(numbers, "parameter 0 of SGD", "update").low == (-0.5, -0.5)


def test_a_sparse_gradient_is_counted_by_the_rows_it_touches() -> None:
    model = nn.Embedding(1000, 4, sparse=True)
    numbers, norms = steps(model, torch.tensor([3, 3, 7]), loss=lambda y: y.sum(), optimizer=torch.optim.SparseAdam(model.parameters()))
    gradient = track(numbers, "weight", "gradient")
    assert (gradient.elements, gradient.low, gradient.high) == (8, (1.0,), (2.0,))  # row 3 came twice
    assert norms.optimizers["SparseAdam"] == pytest.approx(math.sqrt(4 * 4 + 4))


def test_gradients_of_a_scaled_loss_are_shown_unscaled() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    numbers = Numbers()
    numbers.name_model(model, "")
    numbers.begin(0)
    numbers.backward_scale(1024.0)
    undo = numbers.listen(model)
    output = model(torch.ones(1, 2))
    undo()
    (output.sum() * 1024).backward()
    numbers.end(0)
    assert track(numbers, "0", "activation gradient").high == (1.0,)


# -- units --------------------------------------------------------------------------------------------------------------


def biased(module: nn.Module, *biases: float) -> nn.Sequential:
    """A layer whose units are at these values, then a non-linearity."""
    linear = nn.Linear(2, len(biases))
    nn.init.zeros_(linear.weight)
    linear.bias.data = torch.tensor(biases)
    return nn.Sequential(linear, module, nn.Linear(len(biases), 1))


@pytest.mark.parametrize(
    "module, biases, dead, saturated, which",
    [
        (nn.ReLU(), (-1.0, 1.0, -2.0), 2, 0, (0, 2)),
        (nn.ReLU(inplace=True), (-1.0, 1.0, -2.0), 2, 0, (0, 2)),
        (nn.ReLU6(), (-1.0, 1.0, 7.0), 2, 0, (0, 2)),
        (nn.Hardtanh(), (-3.0, 0.5, 3.0), 2, 0, (0, 2)),
        (nn.Hardswish(), (-4.0, -1.0, 4.0), 1, 0, (0,)),
        (nn.Threshold(1.0, -5.0), (0.5, 2.0), 1, 0, (0,)),
        (nn.Sigmoid(), (-9.0, 0.0, 9.0), 0, 2, (0, 2)),
        (nn.Tanh(), (-9.0, 1.0, 0.0), 0, 1, (0,)),
    ],
)
def test_units_at_the_flat_end_are_told(module: nn.Module, biases: tuple[float, ...], dead: int, saturated: int, which: Any) -> None:
    model = biased(module, *biases)
    numbers, _ = steps(model, torch.randn(8, 2), times=16, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    (units,) = numbers.unit_tracks()
    assert (units.units, units.dead, units.saturated, units.first) == (len(biases), dead, saturated, which)
    assert (units.name, units.since, units.samples, units.gradient) == ("1", -1, 16, True)  # 2 looks at 8 rows


def test_channels_are_the_units_of_a_convolution() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(1))
    nn.init.constant_(model[0].bias, 100.0)
    model[0].bias.data[1] = -100.0
    model(torch.randn(4, 1, 9, 9))
    (units,) = steps(model, torch.randn(4, 1, 9, 9), times=8, loss=lambda y: y.sum() * 0)[0].unit_tracks()
    assert (units.units, units.dead, units.first) == (3, 1, (1,))


def test_functional_relu_is_seen_where_the_next_layer_reads_it() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1)
            self.act = nn.ReLU()
            nn.init.zeros_(self.fc1.weight)
            self.fc1.bias.data = torch.tensor([-1.0, 1.0, 1.0])

        def forward(self, x: Tensor) -> Tensor:
            return self.fc3(self.act(self.fc2(self.fc1(x).relu())))

    found = {u.name: u for u in steps(Model(), torch.randn(64, 2), times=8, loss=lambda y: y.sum() * 1e-9)[0].unit_tracks()}
    assert set(found) == {"input of fc2", "act"}  # and not the input of fc3, which is the output of act
    assert (found["input of fc2"].dead, found["input of fc2"].first, found["input of fc2"].gradient) == (1, (0,), True)


def test_a_unit_that_comes_alive_is_dead_no_more() -> None:
    model = biased(nn.ReLU(), -1.0, 1.0)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    numbers, _ = steps(model, torch.randn(8, 2), times=8, optimizer=still)
    assert numbers.unit_tracks()[0].dead == 1
    model[0].bias.data[0] = 1.0
    numbers, _ = steps(model, torch.randn(8, 2), times=8, optimizer=still, numbers=numbers)
    assert numbers.unit_tracks()[0].dead == 0


def test_no_gradient_through_a_layer_is_told() -> None:
    model = biased(nn.ReLU(), 1.0, 1.0)
    nn.init.zeros_(model[2].weight)
    (units,) = steps(model, torch.randn(8, 2), times=8, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))[0].unit_tracks()
    assert (units.dead, units.gradient) == (0, False)


def test_one_relu_in_two_places_has_the_units_of_each() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(2, 3), relu, nn.Linear(3, 5), relu, nn.Linear(5, 1))
    assert {u.name: u.units for u in steps(model, torch.randn(8, 2), times=8)[0].unit_tracks()} == {"1": 3, "1 after 2": 5}


# -- histories ----------------------------------------------------------------------------------------------------------


def stored(number: int, *, memory: int, peak: int) -> Histories:
    """A history of one row whose high is 1 but at one step, where it is 9 and three NaN came."""
    histories = Histories(memory)
    histories.row("layer", "activation")
    for step in range(number):
        record = np.zeros(1, RECORD)
        record["looked_at"], record["high"], record["low"] = 5, 9.0 if step == peak else 1.0, -1.0
        record["nan"] = 3 if step == peak else 0
        histories.store(step, np.array([0]), record)
    return histories


@pytest.mark.parametrize("peak", [0, 1, 4999, 5000, 9998, 9999])
def test_thinning_keeps_the_extremes_and_both_ends(peak: int) -> None:
    memory = 64 * RECORD.itemsize
    histories = stored(10_000, memory=memory, peak=peak)
    (found,) = histories.tracks(10**6)
    assert histories.nbytes <= memory and 30 <= len(found.steps) <= 65
    assert (found.steps[0], found.steps[-1]) == (0, 9999)
    assert max(found.high) == 9.0 and max(found.nan) == 3
    where = found.nan.index(3)
    assert found.steps[where] <= peak and (where + 2 >= len(found.steps) or peak < found.steps[where + 1])
    assert len({b - a for a, b in zip(found.steps[:-1], found.steps[1:-1], strict=False)}) == 1  # evenly


def test_a_result_holds_at_most_so_many_counts() -> None:
    (found,) = stored(500, memory=2**20, peak=77).tracks(20 * len(LABELS))
    assert len(found.steps) <= 20 and max(found.nan) == 3 and found.steps[-1] == 499


def test_layers_that_run_by_turns_keep_their_own_steps() -> None:
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    numbers = Numbers(memory=40 * RECORD.itemsize * 12)
    for step in range(200):
        numbers.begin(step)
        model = one if step % 2 == 0 else two
        numbers.name_model(model, "one: " if model is one else "two: ")
        undo = numbers.listen(model)
        model(torch.ones(1, 2))
        undo()
        numbers.end(step)
    steps_of = {t.name: t.steps for t in numbers.tensor_tracks() if t.what == "activation"}
    assert set(steps_of) == {"one: (the model itself)", "two: (the model itself)"}
    assert all(s % 2 == 0 for s in steps_of["one: (the model itself)"]) and all(s % 2 for s in steps_of["two: (the model itself)"])


def test_a_thousand_layers_stay_in_memory_and_cost_each_what_a_hundredth_costs() -> None:
    def operators(layers: int) -> float:
        """Python's function calls of a sampled step for each layer: what a clock would say, without its noise."""
        model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(layers)))
        numbers, _ = steps(model, torch.ones(1, 2), times=2)
        calls = 0

        def count(frame: Any, event: str, argument: Any) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            steps(model, torch.ones(1, 2), numbers=numbers)
        finally:
            sys.setprofile(None)
        return calls / layers

    few, many = operators(50), operators(500)
    assert many < 1.1 * few
    model = nn.Sequential(*(nn.Linear(1, 1) for _ in range(1000)))
    numbers, _ = steps(model, torch.ones(1, 1), times=7, numbers=Numbers(memory=6 * 2**20))
    assert numbers._histories.nbytes <= 6 * 2**20 < 7 * 8000 * RECORD.itemsize
    assert {t.steps[-1] for t in numbers.tensor_tracks(100_000)} == {6}
    assert sum(len(t.counts) for t in numbers.tensor_tracks(100_000)) <= 3 * 8000


# -- curves -------------------------------------------------------------------------------------------------------------


def curve(values: Any) -> Track:
    tracks = Tracks()
    for step, value in enumerate(values):
        tracks.add("loss", step, value)
    return tracks.plain()["loss"]


def test_a_short_curve_is_as_it_was_given() -> None:
    found = curve([3.0, NAN, INF, 1.0])
    assert found.steps == (0, 1, 2, 3) and found.values[::3] == (3.0, 1.0) and math.isnan(found.values[1]) and found.values[2] == INF
    assert found.low[0] == found.high[0] == 3.0


@pytest.mark.parametrize("number", [POINTS // 2, POINTS // 2 + 1, POINTS + 1, 100_003])
def test_a_long_curve_is_bounded_and_keeps_its_mean_and_extremes(number: int) -> None:
    values = np.random.default_rng(0).normal(size=number)
    values[number // 3], values[number // 2] = 50.0, -50.0
    found = curve(values.tolist())
    assert len(found) <= POINTS and len(found.values) == len(found.low) == len(found.high)
    assert (max(found.high), min(found.low), found.steps[0]) == (50.0, -50.0, 0)
    weights = np.diff([*found.steps, number])
    assert np.average(found.values, weights=weights) == pytest.approx(values.mean(), abs=1e-9)
    assert len(found) >= min(number, POINTS // 4)


def test_nan_and_infinity_stay_visible_in_a_long_curve() -> None:
    values = [1.0] * 10_000
    values[5000], values[7000], values[8000] = NAN, INF, -INF
    found = curve(values)
    assert any(map(math.isnan, found.high)) and INF in found.high and -INF in found.low
    assert set(found.finite()) == {1.0}  # means are over what is finite


# -- no trace -----------------------------------------------------------------------------------------------------------


def net() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Flatten(), nn.Linear(144, 8), nn.Tanh(),
        nn.Linear(8, 3),
    )  # fmt: skip


def trained(sampled: Callable[[int], bool]) -> tuple[list[float], list[Tensor], Tensor, nn.Module]:
    model, numbers = net(), Numbers()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    numbers.name_model(model, "")
    losses = []
    for step in range(6):
        x = torch.randn(16, 1, 8, 8)
        on = sampled(step)
        if on:
            numbers.begin(step)
        optimizer.zero_grad()
        undo = numbers.listen(model) if on else None
        output = model(x)
        if undo:
            undo()
        loss = nn.functional.cross_entropy(output, torch.arange(16) % 3)
        loss.backward()
        if on:
            numbers.before_step(optimizer)
        optimizer.step()
        if on:
            numbers.after_step(optimizer)
            numbers.end(step)
        losses.append(loss.item())
    assert not numbers.left_out
    return losses, [p.detach().clone() for p in model.parameters()], torch.get_rng_state(), model


def test_training_goes_on_bit_by_bit_as_if_nobody_looked() -> None:
    bare, watched = trained(lambda step: False), trained(lambda step: step != 2)
    assert bare[0] == watched[0] and torch.equal(bare[2], watched[2])
    assert all(torch.equal(a, b) for a, b in zip(bare[1], watched[1], strict=True))


def test_no_hook_stays() -> None:
    model, outputs = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), []
    mine = model[0].register_forward_hook(lambda module, args, output: outputs.append(output))
    numbers, _ = steps(model, torch.ones(1, 2))
    assert all(len(m._forward_hooks) == (m is model[0]) and not m._backward_hooks for m in model.modules())
    assert not outputs[0]._backward_hooks
    mine.remove()
    copy.deepcopy(model)


def test_the_hooks_come_off_when_forward_raises() -> None:
    class Raises(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ZeroDivisionError

    model = nn.Sequential(nn.Linear(2, 2), Raises())
    with pytest.raises(ZeroDivisionError):
        steps(nn.Sequential(model), torch.ones(1, 2))
    assert not any(m._forward_hooks for m in model.modules())


def test_a_hook_of_the_users_on_an_output_stays_and_is_called() -> None:
    called = []

    class Hooked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.linear(x)
            y.register_hook(lambda gradient: called.append(gradient.clone()))
            return y

    numbers, _ = steps(Hooked(), torch.ones(1, 2))
    assert len(called) == 1 and track(numbers, "linear", "activation gradient").elements == 2


def test_a_graph_that_outlives_its_step_is_not_counted_in_the_next() -> None:
    model, numbers = nn.Linear(2, 2), Numbers()
    numbers.name_model(model, "")
    kept = []
    for step in range(2):
        numbers.begin(step)
        undo = numbers.listen(model)
        kept.append(model(torch.ones(1, 2)))
        undo()
        if step:
            kept[0].sum().backward()
        numbers.end(step)
    assert not [t for t in numbers.tensor_tracks() if t.what == "activation gradient"]


def test_nothing_of_the_users_is_held_after_a_step() -> None:
    import gc
    import weakref

    model, alive = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), []
    mine = model[1].register_forward_hook(lambda module, args, output: alive.append(weakref.ref(output)))
    numbers, _ = steps(model, torch.ones(1, 2), times=2)
    gc.collect()
    assert [ref() for ref in alive] == [None, None]
    mine.remove()
    gone = weakref.ref(model)
    numbers.release()
    del model
    gc.collect()
    assert gone() is None and track(numbers, "0", "activation").steps == (0, 1)


def test_modes_of_the_users_do_not_see_what_is_computed_here() -> None:
    functions: list[str] = []
    operators: list[str] = []

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            functions.append(getattr(func, "__name__", ""))
            return func(*args, **(kwargs or {}))

    class Operators(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            operators.append(str(func))
            return func(*args, **(kwargs or {}))

    def run(watched: bool) -> tuple[list[str], list[str]]:
        functions.clear(), operators.clear()
        model, numbers = net(), Numbers()
        numbers.name_model(model, "")
        with Functions(), Operators():
            numbers.begin(0)
            undo = numbers.listen(model) if watched else None
            output = model(torch.ones(2, 1, 8, 8))
            if undo:
                undo()
            output.sum().backward()
            numbers.end(0)
        return list(functions), list(operators)

    assert run(watched=True) == run(watched=False)


def test_a_second_model_with_the_old_name_goes_on_with_its_history() -> None:
    numbers, _ = steps(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2))
    numbers.release()
    numbers, _ = steps(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2), numbers=numbers)
    names = [(t.name, t.what) for t in numbers.tensor_tracks()]
    assert len(names) == len(set(names))


def test_samples_of_mixed_precision_lie_in_their_order() -> None:
    pieces = [torch.tensor([1.0]), torch.tensor([2.0, 3.0], dtype=torch.bfloat16), torch.tensor([4.0], dtype=torch.float64)]
    assert host_array(pieces).tolist() == [1.0, 2.0, 3.0, 4.0]


# -- what one tensor tells about another ------------------------------------------------------------------------------------

LAYERS: dict[type[nn.Module], Callable[[], nn.Module]] = {
    nn.Linear: lambda: nn.Linear(8, 3), nn.LayerNorm: lambda: nn.LayerNorm(8), nn.GroupNorm: lambda: nn.GroupNorm(2, 8),
    nn.Unflatten: lambda: nn.Unflatten(1, (2, 4)), nn.MaxPool1d: lambda: nn.MaxPool1d(2), nn.MaxPool2d: lambda: nn.MaxPool2d(2, padding=1),
    nn.MaxPool3d: lambda: nn.MaxPool3d(2), nn.BatchNorm1d: lambda: nn.BatchNorm1d(8), nn.BatchNorm2d: lambda: nn.BatchNorm2d(8),
    nn.BatchNorm3d: lambda: nn.BatchNorm3d(8),
}  # fmt: skip
LAYERS |= {nn.RMSNorm: lambda: nn.RMSNorm(8)} if hasattr(nn, "RMSNorm") else {}
SHAPES = {nn.BatchNorm2d: (4, 8, 3, 3), nn.BatchNorm3d: (4, 8, 2, 2, 2), nn.MaxPool2d: (2, 2, 4, 4), nn.MaxPool3d: (1, 2, 4, 4, 4)}


def layer(kind: type[nn.Module]) -> tuple[nn.Module, tuple[int, ...]]:
    return LAYERS.get(kind, kind)(), SHAPES.get(kind, (5, 8))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", sorted(TELLS, key=lambda kind: kind.__name__))
def test_what_is_not_finite_never_comes_out_finite(kind: type[nn.Module], dtype: torch.dtype, training: bool) -> None:
    module, shape = layer(kind)
    module.to(dtype).train(training)
    for parameter in module.parameters():
        parameter.data[..., 0] = 0.0  # zero times infinity hides nothing
    number = math.prod(shape)
    for place in (0, 1, number // 2, number - 1):
        for value in (NAN, INF, -INF):
            given = torch.randn(shape, dtype=dtype)
            given.view(-1)[place] = value
            assert not module(given).isfinite().all(), (place, value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", sorted(KEEPS, key=lambda kind: kind.__name__))
def test_what_is_finite_stays_so(kind: type[nn.Module], dtype: torch.dtype) -> None:
    module, shape = layer(kind)
    largest = torch.finfo(dtype).max
    for given in (torch.full(shape, largest, dtype=dtype), torch.full(shape, -largest, dtype=dtype), torch.randn(shape).to(dtype)):
        assert module(given).isfinite().all()


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("born", range(5))
def test_wherever_it_is_born_it_is_counted_in_every_layer(born: int, value: float, inplace: bool) -> None:
    """Compared with a count in every layer's output, made by plain hooks."""

    class Spoils(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).index_put((torch.tensor(2), torch.tensor(3)), torch.tensor(value))

    expected: dict[str, tuple[int, int, int]] = {}
    parts = [nn.Linear(6, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 6), nn.ReLU(inplace), nn.Linear(6, 6), nn.Tanh()]
    at = (0, 1, 3, 5, 6)[born]
    parts[at] = Spoils(6, 6)
    model, counting = nn.Sequential(*parts), copy.deepcopy(nn.Sequential(*parts))
    for name, module in counting.named_children():
        def count(module: nn.Module, args: Any, y: Tensor, name: str = name) -> None:
            expected[name] = tuple(int(n) for n in (y.isnan().sum(), (y == INF).sum(), (y == -INF).sum()))

        module.register_forward_hook(count)
    given = torch.randn(4, 6)
    counting(given)
    numbers, _ = steps(model, given, loss=lambda y: y.nan_to_num(0, 0, 0).sum() * 0)
    found = {t.name: (t.nan[0], t.positive_inf[0], t.negative_inf[0]) for t in numbers.tensor_tracks() if t.what == "activation"}
    assert found == expected


CONVOLUTIONS = {
    nn.Conv1d: lambda: nn.Conv1d(4, 3, 3, padding=1), nn.Conv2d: lambda: nn.Conv2d(2, 3, 1, stride=2), nn.Conv3d: lambda: nn.Conv3d(2, 3, 2),
}  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", sorted(TELLS_BACK, key=lambda kind: kind.__name__))
def test_a_gradient_that_is_not_finite_is_never_handed_on_as_finite(kind: type[nn.Module], training: bool) -> None:
    LAYERS.update(CONVOLUTIONS)
    SHAPES.update({nn.Conv1d: (2, 4, 7), nn.Conv2d: (2, 2, 5, 5), nn.Conv3d: (2, 2, 4, 4, 4)})
    module, shape = layer(kind)
    module.train(training)
    for parameter in module.parameters():
        parameter.data[..., 0] = 0.0
    given = torch.randn(shape, requires_grad=True)
    output = module(given)
    for place in {0, 1, output.numel() // 2, output.numel() - 1}:
        for value in (NAN, INF, -INF):
            gradient = torch.randn(output.shape)
            gradient.view(-1)[place] = value
            (found,) = torch.autograd.grad(output, given, gradient, retain_graph=True)
            assert not found.isfinite().all(), (place, value)


class Spoil(torch.autograd.Function):
    """Returns what it is given; its gradient holds one bad element."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: float) -> Tensor:
        ctx.value = value
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        spoilt = gradient.clone()
        spoilt.view(-1)[7] = ctx.value
        return spoilt, None


@pytest.mark.parametrize("mended", [False, True], ids=["", "mended by a hook of the user's"])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("born", range(1, 8))
def test_wherever_a_gradient_goes_bad_it_is_counted_in_every_layer(born: int, value: float, mended: bool) -> None:
    """Compared with a count by plain tensor hooks."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.Sequential(
                nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 24), nn.GELU(), nn.Linear(24, 6), nn.ReLU(), nn.Linear(6, 6), nn.Tanh()
            )

        def forward(self, x: Tensor, note: Callable[[str, Tensor], None] = lambda name, y: None) -> Tensor:
            for at, part in enumerate(self.parts):
                x = part(x)
                if mended and at == 2:
                    x.register_hook(torch.nan_to_num)
                note(f"parts.{at}", x)
                if at == born:
                    x = Spoil.apply(x, value)
            return x

    model, given, expected = Net(), torch.randn(4, 6), {}

    def note(name: str, y: Tensor) -> None:
        def count(g: Tensor) -> None:
            expected[name] = tuple(int(n) for n in (g.isnan().sum(), (g == INF).sum(), (g == -INF).sum()))

        y.register_hook(count)

    copy.deepcopy(model)(given, note).sum().backward()
    if mended:  # which of the two hooks on this output comes first is the user's
        del expected["parts.2"]
    numbers, _ = steps(model, given, loss=lambda y: y.sum())
    found = {t.name: (t.nan[0], t.positive_inf[0], t.negative_inf[0]) for t in numbers.tensor_tracks() if t.what == "activation gradient"}
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("mended", ["first", "second"])
def test_what_is_mended_in_place_vouches_for_nobody(mended: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.ReLU() if mended == "first" else nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                y = self.first(x)
                z = self.second(y)
                (y if mended == "first" else z).nan_to_num_()
            return z.nan_to_num() * self.first.weight

    numbers, _ = steps(Net(), torch.full((4, 4), NAN))
    assert set(nonfinite(numbers)) == {f"activation of {'second' if mended == 'first' else 'first'}"}


def test_what_is_spoilt_in_place_between_two_layers_is_seen_in_the_second() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                z = self.second(self.first(x).mul_(NAN))
            return z.nan_to_num() * self.first.weight

    numbers, _ = steps(Net(), torch.ones(4, 4), times=3)
    first = track(numbers, "first", "activation")
    assert (first.steps, first.nan) == ((1, 2), (0, 0))  # from the second step on it is looked at in time
    assert track(numbers, "second", "activation").nan == (16, 16, 16)


# -- what is looked at later ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoilt", [None, NAN, INF])
def test_small_tensors_that_are_looked_at_later_give_the_same(spoilt: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for little in (sampler.LITTLE, 0):
        monkeypatch.setattr(sampler, "LITTLE", little)
        monkeypatch.setattr(together, "SMALL", together.SMALL if little else 0)
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 1))
        with torch.no_grad():
            model[0].bias[3] = -100.0  # never responds
        x = torch.randn(16, 4)
        if spoilt is not None:
            x[5, 2] = spoilt
        numbers, norms = steps(model, x, times=3)
        assert bool(numbers._waiting[0][0].put_off) == (little > 0)
        found.append((repr((numbers.unit_tracks(), numbers.tensor_tracks())), nonfinite(numbers), pytest.approx(norms.groups, nan_ok=True)))
    assert found[0][:2] == found[1][:2] and bool(found[0][1]) == (spoilt is not None)
    assert found[0][2].expected == found[1][2]


@pytest.mark.parametrize("rate", [0.1, INF])
@pytest.mark.parametrize("before", [1.0, INF])
def test_small_weights_that_are_looked_at_later_give_what_each_gives_by_itself(rate: float, before: float, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for small in (together.SMALL, 0):
        monkeypatch.setattr(together, "SMALL", small)
        model = nn.ParameterList([torch.arange(1.0, 7.0).reshape(2, 3), torch.full((4,), before), torch.ones(300)])
        optimizer, numbers = torch.optim.SGD(model.parameters(), lr=rate), Numbers()
        numbers.name_model(model)
        for step in range(2):
            numbers.begin(step)
            for parameter in model:
                parameter.grad = torch.ones_like(parameter)
            numbers.before_step(optimizer)
            optimizer.step()
            numbers.after_step(optimizer)
            numbers.end(step)
            model[0].data.mul_(0.5)
        assert bool(numbers._waiting[0][0].put_off) == (small > 0)
        found.append((numbers.scaled(), nonfinite(numbers), repr(numbers.tensor_tracks())))
    assert found[0] == found[1]
    assert bool(found[0][1]) == (INF in (rate, before)) and (rate == INF or found[0][0] == {"0": ([0.5], 1)})


@pytest.mark.parametrize("every, most", [(1, 1000), (None, 1000 * engine.SELDOM)])
def test_copies_that_wait_do_not_pile_up(every: int | None, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "COPIED", 1000)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    numbers = Numbers(every=every)
    for step in range(8):
        steps(model, torch.randn(16, 4), numbers=numbers)
        waiting = sum(copied.elements for sampled, _ in numbers._waiting for copied in sampled.put_off)
        assert waiting <= most and len(numbers._waiting) == step + 1


@pytest.mark.parametrize("known", [0, 2])
def test_an_interrupt_in_the_middle_of_a_look_leaves_no_hook(known: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    numbers = steps(model, torch.randn(16, 4), times=known)[0] if known else Numbers()
    monkeypatch.setattr(f"nbdebug.instruments.watch.numbers.sampler.Sampler.{'little' if known else 'output'}", interrupted)
    with pytest.raises(KeyboardInterrupt):
        steps(model, torch.randn(16, 4), numbers=numbers)
    assert not any(module._forward_hooks for module in model.modules())
    assert numbers._layers._later is None and numbers._layers._root is None


def test_a_weight_of_two_optimizers_is_counted_for_each() -> None:
    shared, numbers = nn.Parameter(torch.tensor([1.0, NAN, 1.0])), Numbers()
    optimizers = [torch.optim.SGD([nn.Parameter(torch.ones(4)), shared], lr=0.1), torch.optim.SGD([shared, nn.Parameter(torch.ones(5))], lr=0.1)]
    numbers.begin(0)
    for number, optimizer in enumerate(optimizers):
        numbers.before_step(optimizer, name=f"{number}")
        optimizer.step()
        numbers.after_step(optimizer)
    numbers.end(0)
    found = {t.name: (t.nonfinite[-1], t.elements) for t in numbers.tensor_tracks() if t.what == "weight"}
    assert found["parameter 1 of 0"] == (2, 6)

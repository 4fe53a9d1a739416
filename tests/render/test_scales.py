"""Positions on axes and shades in heatmaps, compared with what one would draw by hand."""

import math

import pytest

from nbdebug.render.scales import evenly, geometric, scale, shades, thinned

NAN, INF = math.nan, math.inf


def test_a_linear_scale_puts_the_middle_in_the_middle_and_nothing_odd_anywhere():
    placed = scale([0.0, NAN, 10.0, INF])
    assert [placed(v) for v in (0.0, 5.0, 10.0, NAN, INF)] == [0.0, 0.5, 1.0, None, None]


def test_a_log_scale_gives_each_decade_the_same_room():
    placed = scale([0.0, -1.0, 1e-4, 1e4], log=True)
    assert [placed(1e-4), placed(1.0), placed(1e4), placed(0.0)] == [
        0.0,
        pytest.approx(0.5),
        pytest.approx(1.0),
        None,
    ]


@pytest.mark.parametrize(
    "values", [[3.0] * 5, [0.0], [-2.0, -2.0], [NAN, INF], [], [1.7e308, -1.7e308], [5e-324, 0.0]]
)
@pytest.mark.parametrize("log", [False, True])
def test_constant_empty_and_extreme_values_still_have_a_scale(values, log):
    placed = scale(values, log=log, margin=0.04)
    assert placed.low < placed.high
    drawn = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    assert all(0 <= placed(v) <= 1 for v in drawn)
    assert all(
        placed.low <= tick <= placed.high * (1 + 1e-9) for tick in placed.ticks() if placed.high > 1e-300
    )


def test_ticks_are_round():
    assert scale([0.0, 2.31]).ticks(3) == [0.0, 1.0, 2.0]
    assert scale([1e-7, 10.0], log=True).ticks(4) == [1e-7, 1e-5, 1e-3, 0.1, 10.0]


def test_learning_rates_are_spaced_by_a_factor_and_steps_are_not():
    assert geometric([10 ** (-7 + i / 4) for i in range(25)])
    assert not geometric([float(i) for i in range(1, 1000)])
    assert not geometric([0.0, 1.0, 1000.0])


def test_thinning_keeps_the_spike_and_the_gap():
    y = [0.0] * 10_000
    y[5_001], y[7_003] = 9.0, NAN
    kept = thinned(range(10_000), y, 100)
    assert len(kept) <= 110
    assert (5_001, 9.0) in kept
    assert any(math.isnan(v) for _, v in kept)


def test_evenly_keeps_both_ends():
    assert evenly(3, 5) == [0, 1, 2]
    assert evenly(101, 3) == [0, 50, 100]
    assert evenly(9, 1) == [0]


def test_the_largest_cell_has_the_deepest_shade_and_nan_none():
    levels, sized, signed = shades([[0.0, 5.0, 10.0, NAN, INF, -INF]], 10)
    assert levels == [[0, 5, 10, None, 11, -11]]
    assert (sized.low, sized.high, signed) == (0.0, 10.0, False)


def test_signs_are_told_apart_about_zero():
    levels, _, signed = shades([[-1.0, -0.5, 0.0, 1.0]], 10)
    assert (levels, signed) == ([[-10, -5, 0, 10]], True)


def test_sizes_over_many_decades_are_shaded_by_logarithm():
    levels, sized, _ = shades([[1.0, 1.0, 1.0, 1e8, 0.0]], 10)
    assert sized.log
    assert levels == [[1, 1, 1, 10, 0]]

"""Tensor → plain numbers, whatever the tensor is made of."""

from __future__ import annotations

import math

import pytest
import torch

from nbdebug.tensor_stats import BIN_LABELS, BINS, LOWEST, combined, measure, measure_all, norms, rms


def filled(stats):
    """The bins that hold something, by label."""
    return {label: count for label, count in zip(BIN_LABELS, stats.magnitudes, strict=True) if count}


def accounted(stats):
    return stats.zeros + stats.nan + stats.positive_inf + stats.negative_inf + sum(stats.magnitudes)


def test_moments_are_those_of_the_population():
    stats = measure(torch.tensor([3.0, -4.0, 0.0, 5.0]))
    assert (stats.count, stats.zeros, stats.min, stats.max) == (4, 1, -4.0, 5.0)
    assert stats.mean == 1.0
    assert stats.rms == pytest.approx(math.sqrt(50 / 4))
    assert stats.std == pytest.approx(math.sqrt(50 / 4 - 1))
    assert stats.norm == pytest.approx(math.sqrt(50))


def test_every_power_of_two_opens_a_bin():
    stats = measure(torch.tensor([0.25, 0.49, -0.5, 1.0, 1.99, 2.0**15, 2.0**16, 2.0**-24, 2.0**-25]))
    assert filled(stats) == {"<2^-24": 1, "2^-24": 1, "2^-2": 2, "2^-1": 1, "2^0": 2, "2^15": 1, "≥2^16": 1}


def test_subnormal_numbers_lie_under_all_bins():
    assert filled(measure(torch.tensor([1e-40, -1e-40]))) == {"<2^-24": 2}


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(100),
        torch.randn(100).half(),
        torch.randn(100).bfloat16(),
        torch.randn(100, dtype=torch.float64) * 1e-300,
        torch.randn(10, 10, dtype=torch.complex64),
        torch.randn(10, 10).t(),
        torch.tensor(3.0).expand(7),
        torch.arange(-5, 5),
        torch.tensor([True, False, True]),
        torch.empty(0, 3),
        torch.tensor([1.0, math.nan, math.inf, -math.inf, 0.0]),
        torch.eye(4).to_sparse(),
        torch.randn(3, requires_grad=True) * 2,
    ],
    ids=lambda t: f"{t.dtype}-{tuple(t.shape)}",
)
def test_every_element_is_counted_once(tensor):
    stats = measure(tensor)
    assert stats.count == tensor.numel() == accounted(stats)
    assert len(stats.magnitudes) == BINS


def test_nan_and_inf_are_counted_and_left_out_of_the_moments():
    stats = measure(torch.tensor([math.nan, math.inf, -math.inf, -math.inf, 2.0, 4.0, 0.0]))
    assert (stats.nan, stats.positive_inf, stats.negative_inf, stats.zeros, stats.finite) == (1, 1, 2, 1, 3)
    assert (stats.mean, stats.min, stats.max) == (2.0, 0.0, 4.0)


def test_nothing_finite_has_no_moments():
    stats = measure(torch.tensor([math.nan, math.inf]))
    assert (stats.mean, stats.std, stats.rms, stats.min, stats.max) == (None,) * 5


def test_a_sparse_tensor_counts_like_its_dense_twin():
    dense = torch.zeros(5, 4)
    dense[1], dense[3] = 2.0, -1.0
    assert measure(dense.to_sparse()) == measure(dense) == measure(dense.to_sparse(1))


def test_a_sparse_tensor_with_nan_keeps_its_zeros():
    dense = torch.zeros(3, 3)
    dense[0, 0], dense[1, 1] = math.nan, 6.0
    stats = measure(dense.to_sparse())
    assert (stats.nan, stats.zeros, stats.max, stats.count) == (1, 7, 6.0, 9)
    assert stats.mean == pytest.approx(6 / 8)


def test_of_complex_numbers_the_magnitude_counts():
    assert measure(torch.tensor([3 + 4j, -3 - 4j])).mean == 5.0


def test_meta_tensors_have_a_count_and_nothing_else():
    stats = measure(torch.empty(3, 4, device="meta"))
    assert (stats.count, stats.mean, sum(stats.magnitudes)) == (12, None, 0)


def test_squares_that_overflow_are_no_excuse():
    stats = measure(torch.tensor([3e200, -4e200], dtype=torch.float64))
    assert stats.rms == pytest.approx(math.sqrt(25 / 2) * 1e200)
    assert stats.max == 3e200


def test_a_constant_has_no_spread():
    assert measure(torch.full((1000,), 0.1)).std == 0.0


def test_parts_add_up_to_the_whole():
    whole = torch.randn(3000) * 10 + 3
    together, alone = combined(measure_all(whole.split([1000, 500, 1500]))), measure(whole)
    assert together.magnitudes == alone.magnitudes
    for name in ("mean", "std", "rms", "min", "max", "count"):
        assert getattr(together, name) == pytest.approx(getattr(alone, name)), name


def test_nothing_combined_is_nothing():
    assert combined([]) == measure(torch.empty(0))


def test_one_transfer_is_enough_for_many(monkeypatch):
    transfers = []
    to_list = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: transfers.append(1) or to_list(tensor))
    measure_all([torch.randn(10) for _ in range(50)])
    assert len(transfers) == 1


def test_norms_keep_what_is_not_finite():
    assert norms([torch.tensor([3.0, 4.0]), torch.tensor([math.inf])]) == [5.0, math.inf]
    assert math.isnan(norms([torch.tensor([math.nan])])[0])


def test_rms_of_a_sparse_gradient_is_that_of_its_touched_rows():
    assert rms(torch.sparse_coo_tensor([[1]], [2.0], (100,))) == 2.0
    assert rms(torch.empty(0)) == 0.0


def test_the_tensor_is_not_touched():
    tensor = torch.randn(5, requires_grad=True)
    before = tensor.detach().clone()
    measure(tensor)
    assert torch.equal(tensor.detach(), before) and tensor.grad_fn is None
    assert LOWEST == -24

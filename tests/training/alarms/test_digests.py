"""Ranks that no longer hold the same weights."""

from __future__ import annotations

import pytest
import torch

import nbdebug
from nbdebug.findings import ERROR
from nbdebug.training.trainer.alarms.digests import compared, digest, unlike
from tests.training.alarms import trainings


def launched(model):
    return nbdebug.launch(trainings.of(model), num_processes=2, max_steps=5).wait(240)


def test_ranks_that_write_into_their_weights_by_themselves_diverge():
    run = launched(trainings.Noisy(alike=False))
    [finding] = run.findings
    assert (finding.code, finding.severity) == ("ND801", ERROR)
    assert finding.location.parameter == "weight" and finding.location.detail == "rank 1"
    assert run.state == "done"


def test_the_same_noise_on_all_ranks_is_sound():
    assert launched(trainings.Noisy(alike=True)).findings == []


def test_buffers_are_each_ranks_own():
    assert launched(trainings.Own()).findings == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.int8, torch.bool])
def test_one_bit_is_seen_in_every_kind_of_number(dtype):
    values = torch.ones(5, 3).to(dtype)
    other = values.clone()
    other.view(-1)[7] = 0
    assert digest({"w": values}).equal(digest({"w": values.clone()}))
    assert not digest({"w": values}).equal(digest({"w": other}))


def test_the_order_of_elements_in_memory_does_not_count():
    values = torch.randn(4, 6)
    assert digest({"w": values}).equal(digest({"w": values.t().contiguous().t()}))


def test_what_differs_is_named_with_its_ranks():
    same, other = torch.ones(3), torch.tensor([1.0, 1.5, 1.0])
    told = [digest({"a": same, "b": values}) for values in (same, other, same)]
    assert unlike(told, ["a", "b"]) == (["b"], (1,))
    assert compared("b", 1, 2, (1,), [same, other, same]).difference == 0.5

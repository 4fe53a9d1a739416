"""Batches of every shape: split, moved, cut, described."""

from __future__ import annotations

from collections import UserDict, defaultdict, namedtuple
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from nbdebug import BatchError
from nbdebug.batch import (
    batch_size,
    describe,
    map_tensors,
    own_loss,
    prediction,
    split,
    take,
    tensors,
    to_device,
)

Point = namedtuple("Point", "x y")


@dataclass(frozen=True)
class Frozen:
    x: torch.Tensor
    name: str = "n"
    length: int = field(init=False, default=3)


X, Y = torch.arange(12.0).view(4, 3), torch.arange(4)


@pytest.mark.parametrize(
    "batch",
    [X, (X, Y), [X, Y], {"x": X}, Point(X, Y), Frozen(X), UserDict(x=X), defaultdict(list, x=X), ({"a": [X]}, Y)],
    ids=lambda batch: type(batch).__name__,
)
def test_structure_is_kept_when_tensors_change(batch):
    doubled = map_tensors(lambda tensor: tensor * 2, batch)
    assert type(doubled) is type(batch)
    for (path, before), (same_path, after) in zip(tensors(batch), tensors(doubled), strict=True):
        assert path == same_path
        assert torch.equal(after, before * 2)


def test_what_is_no_tensor_passes_through():
    marker = object()
    assert map_tensors(lambda t: t, {"x": X, "name": "cat", "other": marker, "none": None})["other"] is marker


def test_a_packed_sequence_keeps_its_lengths():
    packed = pack_sequence([torch.ones(3), torch.ones(2)])
    doubled = map_tensors(lambda tensor: tensor * 2, packed)
    assert torch.equal(doubled.batch_sizes, packed.batch_sizes)
    assert float(doubled.data.sum()) == 10


def test_samples_are_taken_with_their_names():
    batch = {"x": X, "names": ["a", "b", "c", "d"], "pair": (Y, "whole")}
    taken = take(batch, [2, 0])
    assert taken["names"] == ["c", "a"]
    assert torch.equal(taken["x"], X[[2, 0]])
    assert taken["pair"][1] == "whole"


def test_samples_that_cannot_be_told_apart_are_an_error():
    assert batch_size((X, torch.zeros(5))) is None
    with pytest.raises(BatchError, match="cannot be told apart"):
        take((X, torch.zeros(5)), [0])


class OneInput(nn.Module):
    def forward(self, x):
        return x


class TwoInputs(nn.Module):
    def forward(self, query, document, mask=None):
        return query


def test_the_last_of_a_tuple_is_the_target():
    call = split((X, X + 1, Y), TwoInputs())
    assert len(call.args) == 2
    assert call.targets is Y


def test_a_lone_tensor_is_its_own_target():
    assert split(X, OneInput()).targets is X
    assert split([X], OneInput()).targets is X


def test_a_dict_meets_forward_by_name():
    call = split({"query": X, "document": X, "labels": Y, "id": ["a"]}, TwoInputs())
    assert set(call.kwargs) == {"query", "document"}
    assert call.targets is Y


def test_a_dict_with_one_input_needs_no_name():
    call = split({"image": X, "label": Y, "path": "cat.png"}, OneInput())
    assert call.args[0] is X
    assert call.targets is Y


def test_a_batch_of_unknown_shape_says_what_to_do():
    with pytest.raises(BatchError, match="batch_loss="):
        split("a string", OneInput())


def test_the_prediction_is_found_in_any_output():
    assert prediction({"hidden": X, "logits": Y.float()}) is not None
    assert torch.equal(prediction({"hidden": X, "logits": Y.float()}), Y.float())
    assert prediction((X, Y)) is X
    assert prediction({"names": ["a"]}) is None


def test_the_models_own_loss_is_found():
    loss = torch.tensor(1.0)
    assert own_loss({"loss": loss, "logits": X}) is loss
    assert own_loss((loss, X)) is loss
    assert own_loss(X) is None


def test_descriptions_are_short():
    assert describe((X, Y)) == "(float32 (4, 3), int64 (4,))"
    assert len(describe([X] * 100)) < 100


def test_a_graph_moves_itself():
    class Graph:
        moved = None

        def to(self, device):
            self.moved = device
            return self

    assert to_device(Graph(), "cpu").moved == "cpu"

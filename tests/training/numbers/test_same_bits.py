"""A training whose layers are looked at at every step is the same training, bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import nbdebug
from nbdebug.training import checkpoint
from nbdebug.training.config import read_config
from nbdebug.training.folder import RunFolder
from nbdebug.training.rank.context import Context
from nbdebug.training.record import layers
from nbdebug.training.trainer import train
from tests.training.numbers import trainings

CASES = {
    "plain": (trainings.plain, {}),
    "accumulated": (trainings.plain, {"accumulate": 3}),
    "clipped": (trainings.plain, {"clip_norm": 0.1}),
    "recomputed": (trainings.in_blocks, {"checkpoint_activations": ["1", "2"]}),
    "bfloat16": (trainings.plain, {"precision": "bf16-mixed"}),
    "scaled": (trainings.scaled, {}),
    "own loss": (trainings.by_own_loss, {}),
    "closure": (trainings.by_closure, {}),
    "two optimizers": (trainings.two_optimizers, {}),
    "averaged": (trainings.normed, {"ema": 0.9}),
}


def trained(make, folder, **told):
    folder.mkdir()
    (folder / "checkpoints").mkdir()
    setup = make()
    context = Context.alone(read_config(max_steps=20, **told), folder, precision=setup.precision)
    try:
        train(setup, context)
    finally:
        context.sender.close()
    return setup, layers.read(RunFolder(folder))


@pytest.mark.parametrize("case", CASES)
def test_alone(case, tmp_path):
    make, told = CASES[case]
    looked, seen = trained(make, tmp_path / "looked", watch={"layers": 1}, **told)
    bare, nothing = trained(make, tmp_path / "bare", watch={"layers": "off"}, **told)
    assert nothing is None and seen.looks == 20 and seen.result.limits == ()
    states = [checkpoint.newest(RunFolder(tmp_path / name)).state for name in ("looked", "bare")]
    for part in ("model", "optimizer0"):
        assert str(states[0][part]) == str(states[1][part])
    assert all(torch.equal(a, b) for a, b in zip(looked.model.state_dict().values(), bare.model.state_dict().values(), strict=True))
    assert {t.what for t in seen.result.tensors} >= {"activation", "activation gradient", "weight", "update"}
    assert {t.name for t in seen.result.tensors_of("weight")} == set(dict(looked.model.named_parameters()))
    assert not looked.model[0]._forward_hooks and not any(p._backward_hooks for p in looked.model.parameters())
    assert nn.Module.__call__.__qualname__.startswith("Module.")  # nothing of torch's is tapped any longer


def test_in_two_ranks():
    runs = [nbdebug.launch(trainings.normed(), num_processes=2, max_steps=30, accumulate=2, watch={"layers": every}).wait(240) for every in (1, 0)]
    looked, bare = (run.model.state_dict() for run in runs)
    assert all(torch.equal(a, b) for a, b in zip(looked.values(), bare.values(), strict=True))
    assert layers.read(runs[0].folder).looks == 30 and layers.read(runs[1].folder) is None


def test_in_a_loop_of_the_users():
    for count in (1, 2):
        looked, bare = (nbdebug.launch(trainings.own_loop, num_processes=count, watch={"layers": every}).wait(240) for every in (1, 0))
        assert looked.result == bare.result
        assert layers.read(looked.folder).looks == 119  # the first step ends before it is known what trains
        assert layers.read(bare.folder) is None

"""Activation checkpointing: the same numbers, the same names, less memory."""

from __future__ import annotations

import contextlib
import copy
import inspect

import cloudpickle
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from nbdebug.errors import ConfigError
from nbdebug.training.trainer.recompute import recompute, repeated


class Block(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.inner, self.norm, self.drop, self.calls = nn.Linear(width, width), nn.BatchNorm1d(width), nn.Dropout(0.5), 0

    def forward(self, x: Tensor, *, gain: float = 1.0) -> Tensor:
        self.calls += 1
        return x + gain * self.drop(self.norm(self.inner(x)).relu())


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = nn.Linear(4, 8), nn.ModuleList([Block() for _ in range(3)]), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, gain=0.5)
        return self.head(x)


def trained(model: nn.Module, x: Tensor, steps: int = 3, autocast: bool = False) -> tuple[list[float], dict[str, Tensor], Tensor]:
    torch.manual_seed(1)
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), []
    for _ in range(steps):
        with torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext():
            loss = model(x).float().pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses, model.state_dict(), torch.rand(3)


@pytest.mark.parametrize("autocast", [False, True])
def test_a_training_is_bit_for_bit_what_it_was(autocast: bool) -> None:
    plain, x = Net(), torch.rand(6, 4)
    again = copy.deepcopy(plain)
    assert recompute(again, True).names == ("blocks.0", "blocks.1", "blocks.2")
    expected, found = trained(plain, x, autocast=autocast), trained(again, x, autocast=autocast)
    assert expected[0] == found[0] and torch.equal(expected[2], found[2])  # random numbers afterwards too
    assert list(expected[1]) == list(found[1])
    for name, value in expected[1].items():  # running statistics of the batch norms among them
        assert torch.equal(value, found[1][name]), name
    assert again.blocks[0].calls == 2 * plain.blocks[0].calls


def test_less_is_kept() -> None:
    def saved(model: nn.Module) -> int:
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            model(torch.rand(64, 4)).sum().backward()
        return sum(kept)

    plain = Net()
    again = copy.deepcopy(plain)
    recompute(again, True)
    assert saved(again) < 0.5 * saved(plain)


def test_without_gradients_nothing_is_computed_again() -> None:
    model = Net()
    recompute(model, True)
    with torch.no_grad():
        model(torch.rand(6, 4))
    model.eval()(torch.rand(6, 4)).sum().backward()
    assert model.blocks[0].calls == 2


def test_a_block_is_still_what_it_was() -> None:
    model = Net()
    names = list(model.state_dict())
    blocks = recompute(model, ["blocks.*"])
    block = model.blocks[0]
    assert isinstance(block, Block) and type(block).__name__ == "Block" and "gain" in inspect.signature(block.forward).parameters
    assert list(model.state_dict()) == names and type(block) is type(model.blocks[1])
    for twin in (copy.deepcopy(model), cloudpickle.loads(cloudpickle.dumps(model))):
        twin(torch.rand(6, 4)).sum().backward()
        assert twin.blocks[0].calls == 2 and block.calls == 0  # its own forward, not that of the original
    assert recompute(model, ["blocks.*"]).names == blocks.names  # twice is once
    model(torch.rand(6, 4)).sum().backward()
    assert block.calls == 2
    blocks.undo()
    assert type(block) is Block and "forward" not in vars(block)


@pytest.mark.parametrize("wanted, names", [(["blocks.1"], ("blocks.1",)), (["blocks.?", "stem"], ("blocks.0", "blocks.1", "blocks.2", "stem")), (["blocks.0", "blocks.0.inner"], ("blocks.0",)), (False, ()), ([], ())])
def test_blocks_by_name(wanted: list[str] | bool, names: tuple[str, ...]) -> None:
    assert recompute(Net(), wanted).names == names


def test_a_name_that_no_module_has() -> None:
    with pytest.raises(ConfigError, match='names "block.0", and no module of Net is called so .did you mean "blocks.0"'):
        recompute(Net(), ["block.0"])
    with pytest.raises(ConfigError, match="no blocks that come several times"):
        recompute(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), True)


class Stage(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit = Block()

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x)


@pytest.mark.parametrize(
    "make, names",
    [
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3), ["layers.0", "layers.1", "layers.2"]),
        (lambda: nn.Transformer(8, 2, 2, 2, 16, batch_first=True), ["encoder.layers.0", "encoder.layers.1", "decoder.layers.0", "decoder.layers.1"]),
        (lambda: nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Linear(2, 2), nn.ReLU())), ["0", "1"]),
        (lambda: nn.ModuleDict({"a": nn.Sequential(Block()), "b": nn.ModuleList([Block()])}), ["a.0", "b.0"]),
        (lambda: nn.Sequential(Stage(), Stage()), ["0", "1"]),
    ],
)
def test_repeated_blocks_are_found(make: object, names: list[str]) -> None:
    assert repeated(make()) == names  # type: ignore[operator]


def test_transformers_layers_and_attention_in_training() -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    again = copy.deepcopy(model)
    recompute(again, True)
    x = torch.rand(2, 5, 8)
    for one in (model, again):
        torch.manual_seed(0)
        one(x).sum().backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(model.parameters(), again.parameters(), strict=True) if a.grad is not None)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.LSTM(4, 4, batch_first=True), parametrizations.weight_norm(nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x)[0])


def test_recurrent_layers_and_parametrized_ones() -> None:
    model = Recurrent()
    again = copy.deepcopy(model)
    recompute(again, ["one", "two"])
    x = torch.rand(2, 3, 4)
    for one in (model, again):
        one(x).sum().backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert list(model.state_dict()) == list(again.state_dict())


class Uncounted(Block):
    def forward(self, x: Tensor, *, gain: float = 1.0) -> Tensor:
        return x + gain * self.drop(self.norm(self.inner(x)).relu())


def test_a_compiled_model_computes_the_same() -> None:
    model, x = Net(), torch.rand(6, 4)
    model.blocks = nn.ModuleList([Uncounted(), Uncounted()])
    for block in model.blocks:
        block.drop.p = 0.0
    again = copy.deepcopy(model)
    recompute(again, True)
    torch.compile(again, backend="aot_eager")(x).sum().backward()
    model(x).sum().backward()
    for (name, a), b in zip(model.named_parameters(), again.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-6), name
    assert torch.equal(model.blocks[0].norm.num_batches_tracked, again.blocks[0].norm.num_batches_tracked)

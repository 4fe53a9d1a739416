"""A step that is run again from a snapshot gives the same bits; what came later goes away, the objects stay the very same."""

from __future__ import annotations

import copy
import random
import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nbdebug.errors import SetupError
from nbdebug.nonfinite.kept.snapshot import Snapshot


class Net(nn.Module):
    """Batch-norm, dropout, an LSTM, a hidden state in an attribute, a count that forward writes."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop, self.lstm, self.head = nn.BatchNorm1d(4), nn.Dropout(), nn.LSTM(4, 4), nn.Linear(4, 1)
        self.calls, self.hidden, self.memory = 0, None, torch.zeros(4)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.memory.add_(1)
        out, hidden = self.lstm(self.drop(self.norm(x)) + self.memory, self.hidden)
        self.hidden = tuple(h.detach() for h in hidden)
        return self.head(out) / self.calls


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "adam, learning rate a tensor": lambda p: torch.optim.Adam(p, lr=torch.tensor(0.1)),
    "amsgrad": lambda p: torch.optim.AdamW(p, amsgrad=True, foreach=True),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "lbfgs": lambda p: torch.optim.LBFGS(p, max_iter=3, history_size=2),
    "adagrad": lambda p: torch.optim.Adagrad(p),
    "nadam": lambda p: torch.optim.NAdam(p),
}


def trainer(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> Callable[[], float]:
    def step() -> float:
        optimizer.zero_grad()
        loss = model(x).square().mean() * (1 + random.random() + np.random.randn() ** 2)
        loss.backward()
        optimizer.step(lambda: loss)
        return loss.item()

    return step


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("warm", [0, 3])
def test_steps_from_a_snapshot_give_the_same_bits(name: str, warm: int) -> None:
    model = Net()
    optimizer = OPTIMIZERS[name](model.parameters())
    step = trainer(model, optimizer, torch.randn(8, 4))
    for _ in range(warm):
        step()
    snapshot = Snapshot.take([model], [optimizer])
    state = copy.deepcopy(optimizer.state_dict())
    losses = [step() for _ in range(3)]
    snapshot.restore()
    assert repr(optimizer.state_dict()) == repr(state)
    assert [step() for _ in range(3)] == losses
    snapshot.restore()
    snapshot.renew()
    step()
    snapshot.restore()
    assert [step() for _ in range(3)] == losses


def test_a_cheap_snapshot_repeats_the_forward_pass() -> None:
    model, x = Net(), torch.randn(8, 4)
    model(x)
    snapshot = Snapshot.take([model], weights=False)
    first = model(x)
    model.eval()
    model.norm.running_mean = torch.ones(4)
    snapshot.restore()
    assert model.training and model.calls == 1
    assert torch.equal(model(x), first)


def test_the_objects_stay_the_very_same() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    step = trainer(model, optimizer, torch.randn(8, 4))
    step()
    held = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters()), *optimizer.state[model[0].weight].values()]
    addresses = [t.data_ptr() for t in held]
    snapshot = Snapshot.take([model], [optimizer])
    step()
    scheduler.step()
    model[1].running_mean = model[1].running_mean * 2
    model[0].register_buffer("later", torch.zeros(1))
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    snapshot.restore()
    now = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters()), *optimizer.state[model[0].weight].values()]
    assert list(map(id, now)) == list(map(id, held)) and [t.data_ptr() for t in now] == addresses
    assert len(optimizer.param_groups) == 1 and scheduler.optimizer.param_groups[0]["lr"] == 0.1


def test_no_gradient_stays_no_gradient() -> None:
    model = nn.Linear(2, 1)
    model.weight.grad = torch.ones(1, 2)
    snapshot = Snapshot.take([model])
    model(torch.ones(1, 2)).sum().backward()
    model.bias.requires_grad_(False)
    snapshot.restore()
    assert model.bias.grad is None and model.bias.requires_grad
    assert torch.equal(model.weight.grad, torch.ones(1, 2))


def test_state_that_came_later_goes_away() -> None:
    model = nn.Linear(2, 1)
    optimizer, scaler = torch.optim.Adam(model.parameters()), torch.amp.GradScaler("cpu", init_scale=4.0)
    snapshot = Snapshot.take([model], [optimizer], [scaler])
    for _ in range(2):
        scaler.scale(model(torch.ones(1, 2)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert scaler._scale is not None
    snapshot.restore()
    assert not optimizer.state and scaler._scale is None and not scaler._per_optimizer_states


def test_a_scale_is_put_back() -> None:
    model = nn.Linear(2, 1)
    optimizer, scaler = torch.optim.SGD(model.parameters()), torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
    scaler.scale(model(torch.ones(1, 2)).sum())
    snapshot = Snapshot.take([model], [optimizer], [scaler, None])
    scaler.scale(model(torch.ones(1, 2)).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 16.0
    snapshot.restore()
    assert scaler.get_scale() == 8.0


def test_tied_weights_and_views_stay_tied() -> None:
    base = torch.randn(4, 4)
    model = nn.Module()
    model.whole, model.part = nn.Parameter(base), nn.Parameter(base[1:3])
    snapshot, before = Snapshot.take([model]), base.clone()
    base.zero_()
    snapshot.restore()
    assert torch.equal(base, before) and model.part.data_ptr() == base[1:3].data_ptr()


def test_a_graph_from_before_can_still_be_walked() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.ones(1, 2, requires_grad=True)
    loss = model(x).square().sum()
    snapshot = Snapshot.take([model], [optimizer])
    model.weight.grad = torch.ones(1, 2)
    optimizer.step()
    snapshot.restore()
    loss.backward()
    assert x.grad is not None


def test_weights_that_were_exchanged_are_written_where_they_lie() -> None:
    model = nn.Linear(2, 1)
    snapshot, before = Snapshot.take([model]), model.weight.detach().clone()
    model.weight.data = model.weight.data - 1
    snapshot.restore()
    assert torch.equal(model.weight, before)
    model.weight.data = torch.zeros(3, 3)
    snapshot.restore()
    assert torch.equal(model.weight, before)


def _inference() -> Tensor:
    with torch.inference_mode():
        return torch.arange(4.0)


ODD: dict[str, Callable[[], Tensor]] = {
    "expanded": lambda: torch.arange(3.0)[:, None].expand(3, 5),
    "part of something large": lambda: torch.arange(100.0)[10:14],
    "transposed": lambda: torch.arange(12.0).reshape(3, 4).T,
    "complex": lambda: torch.complex(torch.arange(4.0), torch.ones(4)),
    "conjugate": lambda: torch.complex(torch.arange(4.0), torch.ones(4)).conj(),
    "half": lambda: torch.arange(4.0).half(),
    "bfloat16": lambda: torch.arange(4.0).bfloat16(),
    "bool": lambda: torch.tensor([True, False]),
    "sparse": lambda: torch.eye(4).to_sparse(),
    "csr": lambda: torch.eye(4).to_sparse_csr(),
    "quantised": lambda: torch.quantize_per_tensor(torch.arange(4.0), 0.1, 0, torch.qint8),
    "inference": _inference,
    "empty": lambda: torch.zeros(0, 3),
    "scalar": lambda: torch.tensor(3.0),
}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("kind", ODD)
def test_buffers_of_every_kind(kind: str) -> None:
    model = nn.Module()
    model.register_buffer("odd", ODD[kind]())
    expected = ODD[kind]()
    for snapshot in (Snapshot.take([model], weights=False), Snapshot.take([model])):
        snapshot.renew()
        saved = snapshot.values()[id(model.odd)]
        with torch.inference_mode():
            _scribble(model.odd)
        snapshot.restore()
        for values in (model.odd, saved):
            assert values.dtype == expected.dtype and values.shape == expected.shape
            assert torch.equal(_dense(values), _dense(expected))
        assert snapshot.limits == ()


def _scribble(tensor: Tensor) -> None:
    if tensor.layout == torch.sparse_coo:
        tensor._values().zero_()
    elif tensor.layout == torch.sparse_csr:
        tensor.values().zero_()
    elif tensor.dtype == torch.qint8:
        tensor.copy_(torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8))
    elif 0 in tensor.stride():
        tensor[:, 0].zero_()
    else:
        tensor.zero_()


def _dense(tensor: Tensor) -> Tensor:
    with torch.inference_mode():
        tensor = tensor.dequantize() if tensor.is_quantized else tensor.to_dense() if tensor.layout != torch.strided else tensor
        return tensor.resolve_conj().clone()


def test_meta_tensors_hold_nothing_to_keep() -> None:
    model = nn.Linear(2, 2, device="meta")
    Snapshot.take([model]).restore()


def test_a_lazy_model_is_refused_with_a_word_and_watched_without_weights() -> None:
    model = nn.Sequential(nn.LazyBatchNorm1d(), nn.LazyLinear(3))
    with pytest.raises(SetupError, match=r"run model\(inputs\) once"):
        Snapshot.take([model])
    snapshot = Snapshot.take([model], weights=False)
    model(torch.randn(4, 5))
    snapshot.restore()
    assert model[0].running_mean.shape == (5,)


def test_compiled_and_wrapped_models() -> None:
    inner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout())
    for model in (torch.compile(inner, backend="eager"), nn.DataParallel(inner)):
        x = torch.randn(8, 4)
        snapshot = Snapshot.take([model])
        first = model(x)
        snapshot.restore()
        assert torch.equal(model(x), first)


def test_autocast_and_generators() -> None:
    generator = torch.Generator().manual_seed(3)
    model = nn.Linear(2, 2)
    snapshot = Snapshot.take([model], weights=False, generators={"sampler": generator, "numpy": np.random.default_rng(0)})
    first = torch.rand(1, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        snapshot.restore()
        assert not torch.is_autocast_enabled("cpu")
    assert torch.equal(torch.rand(1, generator=generator), first)


def test_normal_numbers_that_numpy_keeps_in_store() -> None:
    snapshot = Snapshot.take([], weights=False)
    for _ in range(5):
        snapshot.renew()
        drawn = np.random.randn(), np.random.rand()
        snapshot.restore()
        assert (np.random.randn(), np.random.rand()) == drawn
        np.random.randn(1)


def test_a_batch_that_the_step_writes_to() -> None:
    batch = {"image": torch.ones(2), "label": torch.zeros(2)}
    snapshot = Snapshot.take([], batch=batch, weights=False)
    assert snapshot.batch is batch and snapshot.written() == ()
    batch["image"].sub_(1)
    assert snapshot.written() == ("['image']",)
    copied = Snapshot.take([], batch=batch, weights=False, copy_batch=True)
    batch["image"].fill_(7)
    assert copied.written() == () and torch.equal(copied.batch["image"], torch.zeros(2))


def test_at_every_step_it_is_cheap() -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(20)))
    batch = (torch.zeros(4, 4), torch.zeros(4))
    snapshot = Snapshot.take([model], batch=batch, weights=False)
    weight = torch.zeros(4, 4)
    calls = (lambda: snapshot.renew(batch), lambda: [weight.mul_(1.0) for _ in range(40)])
    turns = [[timeit.timeit(call, timer=time.thread_time, number=100) for call in calls] for _ in range(30)]  # by turns: a busy machine slows both
    taken, beside = map(min, zip(*turns, strict=True))
    assert taken < 0.6 * beside, "about 8 µs on an idle core, where forty operations on a small tensor take 95"

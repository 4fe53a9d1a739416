"""A loop under `nbdebug.armed()`: of every kind of loop the very line is named, and a sound loop ends with the same bits as a bare one."""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import linecache
import pkgutil
import random
import textwrap
import types
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug.errors import NotFinite, SetupError
from nbdebug.nonfinite.finite import all_finite, norm
from nbdebug.nonfinite.loop.risk import may_fail
from nbdebug.taps import LOSSES
from tests import loops

for module in pkgutil.iter_modules(loops.__path__):
    importlib.import_module(f"tests.loops.{module.name}")

NUMBERS = itertools.count()
PATCHED = ((nn.Module, "__call__"), (torch.autograd, "backward"), (torch.autograd, "grad"), (DataLoader, "__iter__"), *((F, n) for n in LOSSES))


def start(**more: Any) -> dict[str, Any]:
    """The variables of a loop: 64 samples of 3 numbers, of which sample 40 is far off, in batches of 8."""
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(0)
    X, Y = torch.randn(64, 3), torch.randn(64, 1)
    X[40, 1] = -50
    net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))
    return {
        "torch": torch, "nn": nn, "F": F, "X": X, "Y": Y, "net": net, "DataLoader": DataLoader, "random": random, "np": np,
        "loader": DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True), "opt": torch.optim.Adam(net.parameters()), **more,
    }  # fmt: skip


def run(source: str, variables: dict[str, Any]) -> str:
    """Runs a text as the user's own file would, and gives its name."""
    name = f"/home/user/loop_{next(NUMBERS)}.py"
    text = textwrap.dedent(source).lstrip("\n")
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), variables)
    return name


def guilty(source: str) -> int:
    return next(n for n, line in enumerate(textwrap.dedent(source).lstrip("\n").splitlines(), 1) if "# guilty" in line)


def tripped(source: str, **more: Any) -> Any:
    """The result of an armed loop that must trip."""
    variables = start(**more)
    with pytest.raises(NotFinite) as caught, nbdebug.armed():
        run(source, variables)
    assert all_finite(list(variables["net"].parameters()))  # before it reached the weights
    return caught.value.report.result


LOOPS = {
    "over a loader, before the first call": """
        for x, y in loader:
            x = (x + 40).log()  # guilty
            opt.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            opt.step()
    """,
    "in the loss": """
        for x, y in loader:
            opt.zero_grad()
            p = net(x)
            scale = (x.sum(1) + 40).sqrt().mean()  # guilty
            loss = ((p - y) ** 2).mean() * scale
            loss.backward()
            opt.step()
    """,
    "in a function": """
        def main(loader, net, opt):
            for x, y in loader:
                x = x + 40
                x = x.log()  # guilty
                loss = F.mse_loss(net(x), y)
                opt.zero_grad()
                loss.backward()
                opt.step()
        main(loader, net, opt)
    """,
    "a step in a function": """
        def train_step(batch):
            x, y = batch
            opt.zero_grad()
            loss = F.mse_loss(net(x), y) + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
            return loss.item()
        losses = []
        for epoch in range(3):
            for batch in loader:
                losses.append(train_step(batch))
    """,
    "enumerate, and a name that is bound anew": """
        total = 0.0
        for i, (x, y) in enumerate(loader, start=1):
            x, y = x.to("cpu") * 2, y.to("cpu")
            x = x + 80
            opt.zero_grad()
            out = net(x.log())  # guilty
            loss = F.mse_loss(out, y) + 0 * i
            total += loss.item()
            loss.backward()
            opt.step()
    """,
    "a bar of progress": """
        class bar:
            def __init__(self, it, desc=""): self.it = it
            def __iter__(self): yield from self.it
        for x, y in bar(loader, desc="epoch"):
            opt.zero_grad()
            x = x + 40
            loss = F.mse_loss(net(x.log()), y)  # guilty
            loss.backward()
            opt.step()
    """,
    "gradient accumulation": """
        for i, (x, y) in enumerate(loader):
            x = torch.log(x + 40)  # guilty
            loss = F.mse_loss(net(x), y) / 4
            loss.backward()
            if (i + 1) % 4 == 0:
                opt.step()
                opt.zero_grad()
    """,
    "two models with an optimizer each": """
        gen = nn.Linear(2, 3)
        critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        opt_g, opt_c = torch.optim.Adam(gen.parameters()), torch.optim.Adam(critic.parameters())
        for x, y in loader:
            z = torch.randn(8, 2)
            fake = gen(z)
            loss_c = F.softplus(-critic(x / 50)).mean() + F.softplus(critic(fake.detach())).mean()
            opt_c.zero_grad()
            loss_c.backward()
            opt_c.step()
            loss_g = F.softplus(-critic(fake)).mean()
            loss_g = loss_g + (x + 40).log().mean()  # guilty
            opt_g.zero_grad()
            loss_g.backward()
            opt_g.step()
    """,
    "a hidden state that is handed on": """
        rnn, head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1)
        opt = torch.optim.Adam([*rnn.parameters(), *head.parameters()])
        hidden = torch.zeros(1, 8, 8)
        for x, y in loader:
            hidden = hidden.detach()
            out, hidden = rnn(x[:, None] * 0.01, hidden)
            loss = F.mse_loss(head(out[:, 0]), y) + (x + 40).log().mean()  # guilty
            opt.zero_grad()
            loss.backward()
            opt.step()
    """,
    "a batch that is changed in place": """
        for x, y in loader:
            x += 40
            x.log_()  # guilty
            opt.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            opt.step()
    """,
    "a list of batches": """
        batches = [(X[i:i + 8], Y[i:i + 8]) for i in range(0, 64, 8)]
        for epoch in range(3):
            for x, y in batches:
                z = x + 40
                z = z.log()  # guilty
                opt.zero_grad()
                loss = F.mse_loss(net(z), y)
                loss.backward()
                opt.step()
    """,
    "slices by hand, in random order": """
        def main():
            for step in range(40):
                idx = torch.randint(0, 64, (2,))
                x = X[idx] + 40
                x = x.log()  # guilty
                opt.zero_grad()
                loss = F.mse_loss(net(x), Y[idx])
                loss.backward()
                opt.step()
        main()
    """,
    "while and next": """
        it, done = iter(loader), 0
        while done < 20:
            try:
                x, y = next(it)
            except StopIteration:
                it = iter(loader)
                x, y = next(it)
            x = x + 40
            x = x.log()  # guilty
            opt.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            opt.step()
            done += 1
    """,
    "a generator of the user's": """
        def batches():
            order = torch.randperm(64)
            for i in range(0, 64, 8):
                yield X[order[i:i + 8]], Y[order[i:i + 8]]
        for epoch in range(3):
            for x, y in batches():
                opt.zero_grad()
                loss = F.mse_loss(net((x + 40).log()), y)  # guilty
                loss.backward()
                opt.step()
    """,
    "a validation inside": """
        val = DataLoader(loader.dataset, batch_size=16)
        def evaluate():
            net.eval()
            with torch.no_grad():
                found = sum(F.mse_loss(net(x), y).item() for x, y in val)
            net.train()
            return found
        for i, (x, y) in enumerate(loader):
            if i % 2 == 0:
                best = evaluate()
            opt.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss = loss + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
    """,
    "a class with its own counters": """
        class Trainer:
            def __init__(self, net, opt): self.net, self.opt, self.__seen, self.losses = net, opt, 0, []
            def fit(self, loader):
                for x, y in loader:
                    self.__seen += len(x)
                    loss = self.step(x + 40, y) * (1 + 0 * self.__seen)
                    self.losses.append(loss.item())
            def step(self, x, y):
                self.opt.zero_grad()
                loss = F.mse_loss(self.net(x.log()), y)  # guilty
                loss.backward()
                self.opt.step()
                return loss
        Trainer(net, opt).fit(loader)
    """,
    "a closure for LBFGS": """
        opt = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=4)
        for x, y in loader:
            x = x + 40
            def closure():
                opt.zero_grad()
                loss = F.mse_loss(net(x), y) * 1e-3 + x.log().mean()  # guilty
                loss.backward()
                return loss
            opt.step(closure)
    """,
    "born in the backward pass": """
        for x, y in loader:
            opt.zero_grad()
            w = net(x)
            d = (w - w.detach()).abs().sum(1)
            loss = F.mse_loss(w, y) + torch.where(x[:, 1] < -40, d.sqrt(), d * 0).mean()  # guilty
            loss.backward()
            opt.step()
    """,
    "zip of two loaders": """
        other = DataLoader(loader.dataset, batch_size=8)
        for (x, y), (u, v) in zip(loader, other):
            x = x + 40
            u = u * 0
            opt.zero_grad()
            loss = F.mse_loss(net(x.log()), y) + net(u).mean()  # guilty
            loss.backward()
            opt.step()
    """,
    "a second loader by hand": """
        other = iter(DataLoader(loader.dataset, batch_size=4, shuffle=True))
        for x, y in loader:
            u, _ = next(other)
            opt.zero_grad()
            loss = F.mse_loss(net(x), y) + net(u).mean()
            loss = loss + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
    """,
    "random numbers of all kinds": """
        for x, y in loader:
            x = x + 0.01 * torch.randn_like(x) + float(np.random.rand()) + random.random()
            opt.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss = loss + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
    """,
    "continue, break and return": """
        def main():
            for epoch in range(9):
                for i, (x, y) in enumerate(loader):
                    if i == 7 and epoch == 0:
                        continue
                    if len(x) == 0:
                        return None
                    opt.zero_grad()
                    loss = F.mse_loss(net(x), y) + (x + 40).log().mean()  # guilty
                    loss.backward()
                    opt.step()
                    if epoch == 8:
                        break
        main()
    """,
    "a batch that is a dict": """
        rows = [{"image": X[i], "target": Y[i]} for i in range(64)]
        for batch in DataLoader(rows, batch_size=8, shuffle=True):
            batch = {k: v.to("cpu") for k, v in batch.items()}
            batch["image"] = batch["image"] + 40
            opt.zero_grad()
            loss = F.mse_loss(net(batch["image"].log()), batch["target"])  # guilty
            loss.backward()
            opt.step()
    """,
    "a global of a function": """
        count, hidden = 0, torch.zeros(8)
        def train_step(x, y):
            global count, hidden
            count += 1
            hidden = 0.9 * hidden + 0.1 * net[0](x).mean(0).detach()
            opt.zero_grad()
            loss = F.mse_loss(net(x), y) + hidden.sum() + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
        for x, y in loader:
            train_step(x, y)
    """,
}


LOOPS |= {
    "weights that are moved by hand": """
        del opt
        W = torch.randn(3, 1, requires_grad=True)
        for step in range(60):
            i = random.randrange(60)
            x = X[i:i + 2] * 1
            noise = torch.randn_like(x)
            loss = F.mse_loss(x @ W, Y[i:i + 2])
            loss = loss + (x + noise + 40).log().mean()  # guilty
            loss.backward()
            with torch.no_grad():
                W -= 1e-4 * W.grad
                W.grad = None
    """,
    "weights that are moved by hand, beside an optimizer that rests": """
        W = torch.randn(3, 1, requires_grad=True)
        for i in range(60):
            x = X[i:i + 2] * 1
            loss = F.mse_loss(x @ W, Y[i:i + 2]) + (x + 40).log().mean()  # guilty
            loss.backward()
            with torch.no_grad():
                W -= 1e-4 * W.grad
                W.grad = None
    """,
    "a comprehension with a condition": """
        def step(x, y):
            opt.zero_grad()
            loss = F.mse_loss(net(x), y) + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
            return loss.item()
        def main():
            return sum(step(x, y) for i, (x, y) in enumerate(loader) if i != 99)
        main()
    """,
    "LBFGS without a loader": """
        opt = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=4)
        for i in range(0, 64, 8):
            x, y = X[i:i + 8] + 40, Y[i:i + 8]
            def closure():
                opt.zero_grad()
                loss = F.mse_loss(net(x), y) * 1e-3 + x.log().mean()  # guilty
                loss.backward()
                return loss
            opt.step(closure)
    """,
    "two optimizers without a loader": """
        other = nn.Linear(3, 3)
        opt_o = torch.optim.SGD(other.parameters(), 0.1)
        for i in range(0, 64, 8):
            x = X[i:i + 8] + 0.01 * torch.randn(8, 3)
            loss = F.mse_loss(net(other(x)), Y[i:i + 8])
            opt.zero_grad()
            loss.backward()
            opt.step()
            opt_o.zero_grad()
            loss = other(x).square().mean() * 1e-6 + (x + 40).log().mean()  # guilty
            loss.backward()
            opt_o.step()
    """,
    "a comprehension": """
        def step(x, y):
            opt.zero_grad()
            loss = F.mse_loss(net(x), y) + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
            return loss.item()
        for epoch in range(2):
            losses = [step(x, y) for x, y in loader]
    """,
    "one step after the other, by hand": """
        def step(x, y):
            for _ in range(1):
                opt.zero_grad()
                loss = F.mse_loss(net(x), y) + (x + 40).log().mean()  # guilty
                loss.backward()
                opt.step()
        step(X[:8], Y[:8])
        step(X[8:16], Y[8:16])
        step(X[36:44], Y[36:44])
    """,
    "workers": """
        for x, y in DataLoader(loader.dataset, batch_size=8, shuffle=True, num_workers=1):
            opt.zero_grad()
            loss = F.mse_loss(net(x), y) + (x + 40).log().mean()  # guilty
            loss.backward()
            opt.step()
    """,
    "a match statement and a with": """
        for i, batch in enumerate(loader):
            match batch:
                case [x, y]:
                    with torch.autocast("cpu", torch.bfloat16):
                        x = x + 40
                        opt.zero_grad()
                        out = net(x)
                        far = x.log()  # guilty
                    loss = F.mse_loss(out.float(), y) + far.mean()
            loss.backward()
            opt.step()
    """,
    "a nested function": """
        def outer(net, opt, loader):
            seen = 0
            def train():
                nonlocal seen
                for x, y in loader:
                    seen += len(x)
                    opt.zero_grad()
                    loss = F.mse_loss(net(x), y) + 0 * seen + (x + 40).log().mean()  # guilty
                    loss.backward()
                    opt.step()
            train()
        outer(net, opt, loader)
    """,
    "a wrapper that moves batches": """
        class Mover:
            def __init__(self, loader): self.loader = loader
            def __iter__(self):
                for x, y in self.loader:
                    yield x.double().float(), y
        for x, y in Mover(loader):
            x = x + 40
            opt.zero_grad()
            loss = F.mse_loss(net(x.log()), y)  # guilty
            loss.backward()
            opt.step()
    """,
}


@pytest.mark.parametrize("name", LOOPS)
def test_the_line_is_named_and_the_step_repeated_bit_for_bit(name):
    result = tripped(LOOPS[name])
    assert result.origin.line == guilty(LOOPS[name]), result
    assert result.origin.file.startswith("/home/user/loop_")
    assert result.reproduced is True
    assert result.unexplained == ""


@pytest.mark.parametrize("name", LOOPS)
def test_everything_is_given_back(name, capsys):
    """What a loop that was stopped leaves behind is what it leaves when it stops itself there."""
    armed = start()
    with pytest.raises(NotFinite), nbdebug.armed():
        run(LOOPS[name], armed)
    drawn = [random.random(), np.random.rand(), torch.rand(()).item()]
    bare, backward = start(), torch.Tensor.backward

    def stopped(loss, *args, **kwargs):
        if not bool(loss.isfinite()):
            raise FloatingPointError
        backward(loss, *args, **kwargs)
        if not all_finite([p.grad for p in bare["net"].parameters() if p.grad is not None]):
            raise FloatingPointError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(FloatingPointError):
        patch.setattr(torch.Tensor, "backward", stopped)
        run(LOOPS[name], bare)
    assert [random.random(), np.random.rand(), torch.rand(()).item()] == drawn
    _take_back(bare["net"], armed["net"])
    assert plain(armed) == plain(bare)


def _take_back(bare: nn.Module, armed: nn.Module) -> None:
    """What the failing forward pass wrote to statistics, which an armed loop puts back."""
    assert all_finite(list(armed.buffers()))
    for spoilt, whole in zip(bare.modules(), armed.modules(), strict=True):
        if not all_finite(list(spoilt.buffers(recurse=False))):
            for there, here in zip(spoilt.buffers(recurse=False), whole.buffers(recurse=False), strict=True):
                there.copy_(here)


def plain(variables: dict[str, Any]) -> dict[str, Any]:
    """Everything of a namespace that can be compared."""
    found = {}
    for name, value in variables.items():
        if isinstance(value, torch.Tensor):
            found[name] = value.detach().double().numpy().tobytes()
        elif isinstance(value, nn.Module):
            found[name] = [(k, v.numpy().tobytes()) for k, v in value.state_dict().items()] + [m.training for m in value.modules()]
            found[f"gradients of {name}"] = [p.grad if p.grad is None else p.grad.numpy().tobytes() for p in value.parameters()]
        elif isinstance(value, torch.optim.Optimizer):
            found[name] = repr(value.state_dict())
        elif isinstance(value, (int, float, list, str, dict)) and not name.startswith("__"):
            found[name] = repr(value)
    return found


# -- sound loops ------------------------------------------------------------------------------------------------

SOUND = {
    "over a loader": """
        for epoch in range(2):
            for x, y in loader:
                opt.zero_grad()
                loss = F.mse_loss(net(x + 0.1 * torch.randn_like(x)), y)
                loss.backward()
                opt.step()
    """,
    "by hand": """
        for step in range(12):
            idx = torch.randint(0, 64, (8,))
            opt.zero_grad(set_to_none=False)
            loss = F.mse_loss(net(X[idx]), Y[idx])
            loss.backward()
            opt.step()
    """,
    "LBFGS": """
        opt = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=4)
        for x, y in loader:
            def closure():
                opt.zero_grad()
                loss = F.mse_loss(net(x), y)
                loss.backward()
                return loss
            opt.step(closure)
    """,
    "two models": """
        other = nn.Linear(3, 3)
        opt_o = torch.optim.SGD(other.parameters(), 0.1)
        for x, y in loader:
            a = F.mse_loss(net(other(x).detach()), y)
            opt.zero_grad()
            a.backward()
            opt.step()
            b = net(other(x)).square().mean()
            opt_o.zero_grad()
            b.backward()
            opt_o.step()
    """,
    "masks of -inf": """
        attention = nn.MultiheadAttention(4, 2, batch_first=True)
        attention.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))
        head, opt = nn.Linear(4, 1), torch.optim.SGD(attention.parameters(), 0.1)
        for x, y in loader:
            z = x[:, :, None].expand(-1, -1, 4) / 50
            out, weights = attention(z, z, z, attn_mask=attention.mask)
            scores = weights.masked_fill(weights == 0, -torch.inf).amax(-1)
            loss = F.mse_loss(head(out[:, -1]), y) + 0.0 * scores.mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
    """,
    "large numbers": """
        wide = nn.Linear(3, 1, bias=False)
        opt = torch.optim.SGD([{"params": wide.parameters(), "lr": 1e-40}])
        for x, y in loader:
            opt.zero_grad()
            (wide(x).sum() * 1e36).backward()
            opt.step()
    """,
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_loop_ends_with_the_same_bits(name):
    before = [vars(owner)[attribute] for owner, attribute in PATCHED]
    armed = start()
    with nbdebug.armed() as watched:
        run(SOUND[name], armed)
    drawn = [random.random(), np.random.rand(), torch.rand(()).item()]
    assert watched.result().origin is None and not [note for note in watched.result().notes if "no_grad" not in note]
    assert watched.report().findings == ()
    assert watched.steps == {"over a loader": 16, "by hand": 12}.get(name, 8)
    assert [vars(owner)[attribute] for owner, attribute in PATCHED] == before
    bare = start()
    run(SOUND[name], bare)
    assert [random.random(), np.random.rand(), torch.rand(()).item()] == drawn
    assert plain(armed) == plain(bare)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("patient", loops.SOUND, ids=lambda p: p.name)
def test_no_sound_loop_of_the_watch_trips(patient):
    with nbdebug.armed() as armed:
        patient.run()
    assert not [note for note in armed.result().notes if "no_grad" not in note]


SCALED = """
    net = nn.Linear(3, 1)
    opt = torch.optim.SGD(net.parameters(), 1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    for epoch in range(3):
        for x, y in loader:
            opt.zero_grad()
            with torch.autocast("cpu", torch.float16):
                out = net(x)
            loss = F.mse_loss(out.float(), y) * FACTOR  # guilty
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
"""


def test_a_step_that_the_scaler_skips_is_counted_and_no_alarm():
    with nbdebug.armed() as armed:
        run(SCALED, start(SCALE=2.0**40, FACTOR=1.0))
    assert armed.result().origin is None
    assert len(armed.result().skipped) > 5
    assert armed.steps == 24


def test_gradients_that_no_scale_saves_trip():
    result = tripped(SCALED, SCALE=4.0, FACTOR=1e9)
    assert result.origin.phase == "backward"
    assert result.skipped and result.origin.step == len(result.skipped)


# -- the update -------------------------------------------------------------------------------------------------

UPDATE = """
    opt = torch.optim.{0}(net.parameters(), {1})
    for x, y in loader:
        opt.zero_grad()
        F.mse_loss(net(x), y).backward()
        {2}
        opt.step()  # guilty
"""


@pytest.mark.parametrize(
    ("optimizer", "options", "before", "cause"),
    [("Adam", "eps=0.0", "net[0].weight.grad[0] = 0", "eps"), ("SGD", "lr=3e38", "", "learning rate"), ("RMSprop", "eps=0.0", "net[0].weight.grad[0] = 0", "eps")],
)
def test_an_update_that_fails_names_its_quantity(optimizer, options, before, cause):
    source = UPDATE.format(optimizer, options, before)
    with pytest.raises(NotFinite) as caught, nbdebug.armed():
        run(source, start())
    origin = caught.value.report.result.origin
    assert (origin.phase, origin.cause, origin.line) == ("optimizer", cause, guilty(source))
    assert origin.parameter in dict(start()["net"].named_parameters())
    assert [f.code for f in caught.value.report.findings] == ["ND709"]


@pytest.mark.parametrize(
    ("options", "gradient_norm", "expected"),
    [
        ({}, 1.0, False), ({"eps": 0.0}, 1.0, True), ({"lr": float("inf")}, 1.0, True), ({"betas": (0.9, 1.0)}, 1.0, True), ({}, 1e20, True),
        ({}, float("nan"), True), ({}, None, False),
    ],
)  # fmt: skip
def test_an_update_that_may_fail_is_known_before(options, gradient_norm, expected):
    optimizer = torch.optim.Adam(nn.Linear(2, 2).parameters())
    optimizer.param_groups[0].update(options)
    assert may_fail(optimizer, gradient_norm) is expected


def test_an_update_in_float16_may_always_fail():
    assert may_fail(torch.optim.SGD(nn.Linear(2, 2).half().parameters(), 0.1), 1.0)


# -- loops whose body cannot be run again -----------------------------------------------------------------------

SUSPENDED = """
    def training():
        for x, y in loader:
            opt.zero_grad()
            loss = F.mse_loss(net({}), y)
            yield loss.item()
            loss.backward()
            opt.step()
    for loss in training():
        pass
"""


def test_a_loop_that_yields_gets_the_call_of_its_model_repeated():
    source = SUSPENDED.format("x").replace("net(x)", "net(x, 40)")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, x, far):
            return self.last(0 * self.first(x) + (x + far).log())

    net = Net()
    result = tripped(source, net=net, opt=torch.optim.SGD(net.parameters(), 0.01))
    assert result.origin.operator == "aten.log.default"
    assert result.origin.file == __file__ or __file__.endswith(result.origin.file)
    assert "yield" in result.unexplained


def test_where_the_body_cannot_be_run_and_the_model_is_finite_the_loss_is_all_that_is_said():
    result = tripped(SUSPENDED.format("x").replace("y)", "y) + (x + 40).log().mean()"))
    assert (result.origin.phase, result.origin.became) == ("loss", "nan")
    assert result.reproduced is not True
    assert "yield" in result.unexplained


def test_a_loop_without_source_is_told_so():
    variables = start()
    with pytest.raises(NotFinite) as caught, nbdebug.armed():
        exec("for x, y in loader:\n  loss = (net(x) + (x + 40).log()).mean()\n  loss.backward()\n  opt.step()", variables)
    assert caught.value.report.result.unexplained


def test_a_model_that_answers_otherwise_each_time_is_not_said_to_be_reproduced():
    calls = itertools.count()
    source = """
        for x, y in loader:
            opt.zero_grad()
            loss = F.mse_loss(net(x), y) * (1 + next(calls)) + (x + 40).log().mean()
            loss = loss + 0 * loss
            loss.backward()
            opt.step()
    """
    result = tripped(source, calls=calls)
    assert result.origin.line == 3


# -- the block --------------------------------------------------------------------------------------------------


def test_without_stop_the_loop_goes_on_and_the_report_says_where():
    variables = start()
    with nbdebug.armed(stop=False) as armed:
        run(LOOPS["in the loss"], variables)
    assert armed.result().origin.line == guilty(LOOPS["in the loss"])
    assert armed.report().findings[0].code == "ND308"


def test_a_step_that_goes_on_after_it_was_repeated_is_the_same():
    """With stop=False the graph of the loop is still walked back after the repetition."""
    armed = start()
    with nbdebug.armed(stop=False):
        run(LOOPS["in the loss"], armed)
    bare = start()
    run(LOOPS["in the loss"], bare)
    assert plain(armed) == plain(bare)


def test_meters_bars_and_metrics_of_others_are_not_counted_twice():
    class Metric(nn.Module):
        def __init__(self):
            super().__init__()
            self.total, self.seen = torch.zeros(()), []

        def forward(self, out):
            self.total = self.total + out.detach().sum()
            self.total.add_(1)
            self.seen.append(len(out))

    source = """
        bar, metric = types.SimpleNamespace(n=0), Metric()
        for x, y in loader:
            bar.n += 1
            out = net(x)
            metric(out)
            loss = F.mse_loss(out, y) + (x + 40).log().mean()  # guilty
            opt.zero_grad()
            loss.backward()
            opt.step()
    """
    variables = start(types=types, Metric=Metric)
    with nbdebug.armed(stop=False) as armed:
        run(source, variables)
    assert (armed.result().origin.line, armed.result().reproduced) == (guilty(source), True)
    assert variables["bar"].n == 8 and variables["metric"].seen == [8] * 8
    bare = start(types=types, Metric=Metric)
    run(source, bare)
    assert torch.equal(variables["metric"].total, bare["metric"].total) or bare["metric"].total.isnan()


def test_the_error_is_one_line_and_carries_the_report():
    with pytest.raises(NotFinite) as caught, nbdebug.armed():
        run(LOOPS["in the loss"], start())
    assert "\n" not in str(caught.value)
    assert caught.value._render_traceback_() == [f"NotFinite: {caught.value}"]
    assert caught.value.report is nbdebug.last_report()


def test_a_file_of_the_step_is_written_only_when_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tripped(LOOPS["in the loss"]).capsule == ""
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFinite) as caught, nbdebug.armed(capsule=str(tmp_path / "steps")):
        run(LOOPS["in the loss"], start())
    assert [str(p) for p in (tmp_path / "steps").iterdir()] == [caught.value.report.result.capsule]


def test_an_error_of_the_users_own_leaves_nothing_patched():
    before = [vars(owner)[attribute] for owner, attribute in PATCHED]
    with pytest.raises(ZeroDivisionError), nbdebug.armed() as armed:
        run("for x, y in loader:\n    net(x).sum().backward()\n    1 / 0", start())
    assert [vars(owner)[attribute] for owner, attribute in PATCHED] == before
    assert armed.report().stopped == "the loop raised ZeroDivisionError"


def test_a_watch_around_it_does_not_hear_the_repetition():
    with nbdebug.watch(live=False) as watch, nbdebug.armed(stop=False) as armed:
        run(LOOPS["in the loss"], start())
    assert watch.result().steps == 8 and watch.result().limits == ()
    assert [c.times for c in watch.result().cycles] == [1, 7]
    assert armed.result().origin.line == guilty(LOOPS["in the loss"])


def test_nothing_of_the_users_is_kept():
    variables = start()
    gone = [weakref.ref(variables[name]) for name in ("net", "opt", "loader")]
    with nbdebug.armed(stop=False) as armed:
        run(LOOPS["in the loss"], variables)
    variables.clear()
    gc.collect()
    assert [held() for held in gone] == [None, None, None]
    assert armed.report().result.origin is not None


def test_an_infinite_weight_that_was_there_before_is_no_alarm():
    variables = start()
    variables["net"].mask = nn.Parameter(torch.full((3,), -torch.inf))
    variables["opt"] = torch.optim.SGD(variables["net"].parameters(), 0.01, weight_decay=0.1)
    with nbdebug.armed() as armed:
        run(SOUND["over a loader"], variables)
    assert armed.result().origin is None


def test_a_fault_of_nbdebug_does_not_stop_the_loop(monkeypatch):
    monkeypatch.setattr("nbdebug.nonfinite.loop.tripwire.norm", lambda tensors: 1 / 0)
    with nbdebug.armed() as armed:
        run(SOUND["over a loader"], start())
    assert "ZeroDivisionError" in armed.result().notes[0]


def test_one_loop_is_armed_at_a_time():
    with nbdebug.armed(), pytest.raises(SetupError, match="armed already"):
        nbdebug.armed().__enter__()
    with nbdebug.armed():
        pass


def test_a_function_may_be_armed():
    @nbdebug.armed()
    def train():
        run(LOOPS["in the loss"], start())

    with contextlib.suppress(NotFinite):
        train()
        raise AssertionError
    with pytest.raises(SetupError, match="does not run when it is called"):
        nbdebug.armed()(lambda_generator)


def lambda_generator():
    yield 1


# -- what was not finite before the step, and after it ----------------------------------------------------------

STEP = """
    {before}
    for i, (x, y) in enumerate(loader):
        opt.zero_grad()
        {forward}
        loss.backward()
        {after_backward}
        opt.step()
        {after}
"""


def step(*, before: str = "", forward: str = "loss = F.mse_loss(net(x), y)", after_backward: str = "", after: str = "") -> str:
    return STEP.format(before=before, forward=forward, after_backward=after_backward, after=after)


def stopped_report(source: str, **more: Any) -> tuple[NotFinite, dict[str, Any]]:
    variables = start(**more)
    with pytest.raises(NotFinite) as caught, nbdebug.armed():
        run(source, variables)
    return caught.value, variables


@pytest.mark.parametrize(
    ("spoil", "operator"),
    [
        ("n = 1 - (i == 4); [p.grad.div_(n) for p in net.parameters()]  # guilty", "div_"),
        ("n = torch.tensor(1.0 - (i == 4)); net[0].weight.grad = net[0].weight.grad / n  # guilty", "div"),
        ("n = 1.0 - (i == 4); net[4].bias.grad.sub_(9).log_() if n == 0 else None  # guilty", "log_"),
    ],
)
def test_gradients_spoilt_after_the_backward_pass_name_the_line_that_did_it(spoil, operator):
    source = step(after_backward=spoil)
    error, variables = stopped_report(source)
    result, finding = error.report.result, error.report.findings[0]
    assert (result.origin.phase, result.origin.line, result.origin.step, result.reproduced) == ("backward", guilty(source), 4, True)
    assert result.origin.operator.split(".")[1] == operator
    assert finding.code == "ND504" and "derivative" not in finding.message and "after backward()" in finding.message
    assert all_finite(list(variables["net"].parameters()))
    assert all_finite([t for s in variables["opt"].state.values() for t in s.values()])


def test_gradients_that_the_optimizer_cleans_itself_are_no_alarm():
    source = step(
        before="opt.register_step_pre_hook(lambda o, *_: [p.grad.nan_to_num_(0, 0, 0) for g in o.param_groups for p in g['params']] and None)",
        after_backward="[p.grad.div_(i != 4) for p in net.parameters()]",
    )
    variables = start()
    with nbdebug.armed() as armed:
        run(source, variables)
    assert armed.result().origin is None and all_finite(list(variables["net"].parameters()))


def test_weights_that_were_nan_when_the_loop_began_are_said_to_be():
    error, _ = stopped_report(step(before="net[0].bias.data.fill_(float('nan'))"))
    (finding,), origin = error.report.findings, error.report.result.origin
    assert (origin.parameter, origin.step) == ("0.bias", 0)
    assert "0.bias was already NaN when the loop began: build the model anew" in finding.message
    assert "update" not in finding.message
    assert all(values.finite for values in error.report.result.weights_before)


def test_weights_that_something_wrote_between_two_steps_are_said_to_be():
    error, _ = stopped_report(step(after="net[4].weight.data.mul_(float('nan')) if i == 2 else None"))
    message = error.report.findings[0].message
    assert "4.weight was finite after the update of step 2 and NaN when step 3 began: something outside of the step wrote it" in message


@pytest.mark.parametrize("rate", ["nan", "inf"])
def test_weights_that_the_update_spoilt_are_put_back(rate):
    error, variables = stopped_report(step(after_backward=f"if i == 3: opt.param_groups[0]['lr'] = float('{rate}')"))
    bare = start()
    run(step(after_backward="if i == 3: break"), bare)
    assert [p.tolist() for p in variables["net"].parameters()] == [p.tolist() for p in bare["net"].parameters()]
    assert repr(variables["opt"].state_dict()["state"]) == repr(bare["opt"].state_dict()["state"])
    assert any("put back" in note for note in error.report.result.notes)


def test_weights_that_cannot_be_put_back_are_named(monkeypatch):
    monkeypatch.setattr("nbdebug.nonfinite.loop.passes.MOST_COPIED", 0)
    error, variables = stopped_report(step(after_backward="if i == 3: opt.param_groups[0]['lr'] = float('nan')"))
    assert not all_finite(list(variables["net"].parameters()))
    assert any(note.startswith("0.weight, 0.bias") and "not finite now" in note for note in error.report.result.notes)


@pytest.mark.parametrize("at", [0, 3])
def test_statistics_of_a_norm_layer_are_put_back(at):
    error, variables = stopped_report(step(forward=f"loss = F.mse_loss(net(x / (i != {at})), y)"))
    assert all_finite(list(variables["net"].buffers()))
    assert variables["net"][1].num_batches_tracked == at
    assert any("1.running_mean" in note and "put back" in note for note in error.report.result.notes)


CARRIED = {
    "a running number": ("run = torch.ones(3)", "loss = F.mse_loss(net(x * run), y)  # guilty", "run = run / (i != 2)", "run"),
    "a state of two": (
        "state = (torch.zeros(8, 3), torch.zeros(8, 3)); cell = nn.LSTMCell(3, 3)",
        "state = cell(x, state); state = tuple(s.detach() for s in state); loss = F.mse_loss(net(x + state[0]), y)  # guilty",
        "state = tuple(s / (i != 2) for s in state)", "state",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIED)
def test_what_a_variable_carried_in_is_not_said_to_be_born_here(name):
    before, forward, after, variable = CARRIED[name]
    source = step(before=before, forward=forward, after=after)
    error, _ = stopped_report(source)
    origin, message = error.report.result.origin, error.report.findings[0].message
    assert (origin.cause, origin.step, origin.line) == ("carried", 3, guilty(source))
    assert f"from outside of it: variable `{variable}`" in message
    assert not any("clone" in link.operator for link in origin.chain)


def test_a_mask_that_is_moved_in_each_pass_is_still_a_mask():
    source = step(before="mask = torch.full((8, 8), float('-inf'))", forward="mask = mask.to('cpu'); loss = (mask.softmax(1) @ net(x) - y).square().mean()")
    error, _ = stopped_report(source)
    assert error.report.findings[0].code == "ND309"


@pytest.mark.parametrize("steps", [1, 5])
def test_every_step_of_a_loop_without_an_optimizer_is_counted(steps):
    source = f"""
        for i in range({steps}):
            F.mse_loss(net(X), Y).backward()
            with torch.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad
                    p.grad = None
    """
    with nbdebug.armed() as armed:
        run(source, start())
    assert armed.steps == steps == len(armed.result().losses)
    assert all(norm > 0 for norm in armed.result().gradient_norms)


def test_a_norm_is_only_told_of_steps_with_a_backward_pass():
    source = "w = torch.zeros(3, 1, requires_grad=True)\nfor i in range(3):\n    F.mse_loss(X @ w, Y).backward()\n    w.data -= w.grad; w.grad = None"
    with nbdebug.armed() as armed:
        run(source, start())
    assert armed.result().gradient_norms == (None, None, None)
    error, _ = stopped_report(step(forward="loss = F.mse_loss(net(x / (i != 3)), y)"))
    curve = next(panel for panel in error.report.result.panels() if panel.title == "the gradient's norm")
    assert len(curve.x) == 3 and error.report.result.gradient_norms[-1] is None


@pytest.mark.parametrize(
    ("batch", "inputs", "targets", "said"),
    [
        ("{'x': X[i:i + 8], 'label': Y[i:i + 8].clone()}", "b['x']", "b['label']", "NaN at targets"),
        ("{'x': X[i:i + 8], 'far off': Y[i:i + 8].clone()}", "b['x']", "b['far off']", "NaN at far off"),
        ("(X[i:i + 8], Y[i:i + 8].clone())", "b[0]", "b[1]", "NaN at targets"),
    ],
)
def test_a_part_of_a_batch_is_called_what_the_reader_calls_it(batch, inputs, targets, said):
    source = f"""
        batches = [{batch} for i in range(0, 64, 8)]
        {targets.replace("b[", "batches[3][")}[2] = float("nan")
        for b in batches:
            opt.zero_grad()
            F.mse_loss(net({inputs}), {targets}).backward()
            opt.step()
    """
    error, _ = stopped_report(source)
    assert error.report.findings[0].message.startswith(f"{said}, sample 2")
    assert str(error).startswith("step 3: NaN came with the batch")


def test_an_all_clear_says_how_far_it_goes():
    source = step() + "    with torch.no_grad():\n        net(X / 0)\n"
    with nbdebug.armed() as armed:
        run(source, start())
    assert "8 training steps were checked; what runs under no_grad is not" in armed.result().notes
    with nbdebug.armed() as sound:
        run(step(), start())
    assert sound.result().notes == ()


def test_a_division_by_zero_names_its_divisor_and_the_row():
    error, _ = stopped_report(step(forward="x = x.abs(); x[5] *= i != 3; loss = F.mse_loss(net(x / x.sum(1, keepdim=True)), y)"))
    message = error.report.findings[0].message
    assert "at 3 of 24 elements, all in row 5" in message and "divisor from 0" in message
    error, _ = stopped_report(step(forward="loss = F.mse_loss(net(x), y); loss = loss / (i != 3)"))
    assert "Inf was born" in str(error)


# -- with a watch -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOOPS)
def test_a_watch_that_looks_for_nan_names_the_line_and_lets_the_loop_go_on(name):
    watched = start()
    with nbdebug.watch(find_nan=True, live=False) as watch:
        run(LOOPS[name], watched)
    report = watch.report()
    assert report.result.limits == ()
    born = report.parts[0].result
    assert (born.origin.line, born.reproduced) == (guilty(LOOPS[name]), True)
    assert {f.code for f in report.parts[0].findings} <= {f.code for f in report.findings}
    assert len({v.code for v in report.verdicts}) == len(report.verdicts)
    bare = start()
    run(LOOPS[name], bare)
    assert plain(watched) == plain(bare)


def test_a_sound_loop_that_is_watched_has_no_second_report():
    with nbdebug.watch(find_nan=True, live=False) as watch:
        run(SOUND["over a loader"], start())
    assert watch.report().parts[0].result is None
    assert nbdebug.Report.from_dict(watch.report().to_dict()).to_dict() == watch.report().to_dict()


def test_the_steps_of_a_watch_that_goes_on_are_counted_on():
    variables = start()
    with nbdebug.watch(find_nan=True, live=False) as watch:
        run(SOUND["over a loader"], variables)
    with watch:
        run(LOOPS["in the loss"], variables)
    assert watch.report().parts[0].result.origin.step >= 16


# -- what is asked of the tensors -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_bad_element_is_seen_in_every_type(dtype, value):
    sound, bad = torch.ones(5).to(dtype), torch.ones(5).to(dtype)
    bad[3] = value
    assert all_finite([sound, sound])
    assert not all_finite([sound, bad])


def test_a_norm_that_overflows_is_no_alarm():
    large = torch.full((4,), 3e38)
    assert not torch.tensor(norm([large])).isfinite()
    assert all_finite([large, torch.full((9,), 60000.0).half()])
    assert all_finite([]) and all_finite([torch.zeros(0), torch.tensor([1, 2])])


def test_a_scripted_model_is_armed():
    model = torch.jit.script(nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def train(bad):
        for step in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.ones(16, 8) / (step != bad)), torch.zeros(16, dtype=torch.int64)).backward()
            optimizer.step()

    with nbdebug.armed() as armed:
        train(None)
    assert armed.result().steps == 4 and armed.result().origin is None
    with pytest.raises(nbdebug.NotFinite) as caught, nbdebug.armed():
        train(2)
    assert caught.value.report.result.origin.step == 2


def of_a_queue(model, optimizer, inputs, targets):
    queue = list(range(0, 64, 8))[::-1]
    while queue:
        start = queue.pop()
        x = inputs[start : start + 8]
        z = x / x.norm(dim=1, keepdim=True)  # guilty
        optimizer.zero_grad()
        F.cross_entropy(model(z), targets[start : start + 8]).backward()
        optimizer.step()


calls = []


class Steps:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def step(self, batch):
        x, y = batch
        calls.append(1)
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(x / x.norm(dim=1, keepdim=True)), y).backward()
        self.optimizer.step()


def blank_sample():
    torch.manual_seed(0)
    inputs, targets, model = torch.randn(64, 8), torch.randint(0, 4, (64,)), nn.Linear(8, 4)
    inputs[40] = 0
    return inputs, targets, model, torch.optim.SGD(model.parameters(), lr=0.1)


def test_a_loop_that_empties_a_queue():
    inputs, targets, model, optimizer = blank_sample()
    with pytest.raises(nbdebug.NotFinite) as caught, nbdebug.armed():
        of_a_queue(model, optimizer, inputs, targets)
    found = caught.value.report.result
    assert found.origin.text.endswith("# guilty") and found.origin.step == 5 and found.reproduced


def test_a_list_that_a_method_finds_among_the_globals_is_given_back():
    inputs, targets, model, optimizer = blank_sample()
    steps = Steps(model, optimizer)
    calls.clear()
    with pytest.raises(nbdebug.NotFinite), nbdebug.armed():
        for batch in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), 8):
            steps.step(batch)
    assert len(calls) == 6

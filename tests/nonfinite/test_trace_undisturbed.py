"""The traced step gives the same bits as the untraced one, leaves nothing behind, and goes on when the trace fails."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from nbdebug.nonfinite.trace.forward import Recorder
from nbdebug.nonfinite.trace.step import Trace


class Busy(nn.Module):
    """Dropout, batch norm, attention with dropout, operations in place, a checkpoint; `sick` makes a NaN early."""

    def __init__(self, sick):
        super().__init__()
        self.sick = sick
        self.first, self.norm = nn.Linear(8, 8), nn.BatchNorm1d(5)
        self.inner = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.ReLU(inplace=True))
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x):
        h = self.norm(self.first(x))
        if self.sick:
            h[1] = (h[1] - 100).log()
        h = F.scaled_dot_product_attention(h, h, h, dropout_p=0.2, is_causal=True)
        h = checkpoint(self.inner, h, use_reentrant=False)
        h.mul_(torch.rand_like(h))
        return self.head(self.drop(h)).mean(1)


def stepped(sick, dtype, trace):
    torch.manual_seed(3)
    model = Busy(sick)
    optimizer = torch.optim.AdamW(model.parameters())
    x, y = torch.randn(6, 5, 8), torch.randint(0, 3, (6,))
    losses = []

    def step():
        with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
            loss = F.cross_entropy(model(x).float(), y)
        loss.backward()
        gradients.extend(p.grad.clone() for p in model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())

    gradients: list = []
    if trace:
        with Trace([model], batch=(x, y)) as traced:
            step()
        assert traced.trouble == ""
        assert (traced.origin() is not None) == sick
    else:
        step()
    step()
    return [*losses, *gradients, *model.state_dict().values(), torch.get_rng_state()]


@pytest.mark.parametrize("sick", [False, True])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_the_same_bits(sick, dtype):
    bare, traced = stepped(sick, dtype, False), stepped(sick, dtype, True)
    assert len(bare) == len(traced) > 10
    for one, other in zip(bare, traced, strict=True):
        assert torch.equal(one.nan_to_num(7e7) if one.is_floating_point() else one, other.nan_to_num(7e7) if other.is_floating_point() else other)


def test_nothing_stays_behind():
    backward, grad = torch.autograd.backward, torch.autograd.grad
    model = nn.Linear(3, 3)

    class Interrupted(KeyboardInterrupt):
        pass

    with pytest.raises(Interrupted), Trace([model]):
        model(torch.ones(1, 3)).log().sum().backward()
        raise Interrupted
    assert torch.autograd.backward is backward and torch.autograd.grad is grad
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
    assert not nn.modules.module._global_forward_hooks and not nn.modules.module._global_forward_pre_hooks
    from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

    assert not _global_optimizer_pre_hooks and not _global_optimizer_post_hooks


def test_no_activation_outlives_the_step():
    model = nn.Linear(3, 3)
    with Trace([model]) as trace:
        h = model(torch.ones(1, 3))
        seen = weakref.ref(h)
        h.log().sum().backward()
        del h
        gc.collect()
        assert seen() is None
    assert trace.origin() is not None


def test_a_mistake_of_the_trace_does_not_stop_the_step(monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("nbdebug.nonfinite.trace.judgement.Judgement.record", broken)
    model = nn.Linear(3, 3)
    with Trace([model]) as trace:
        model(torch.ones(1, 3)).mul(0).log().sum().backward()
    origin = trace.origin()
    assert model.weight.grad is not None and "of ours" in trace.trouble
    assert (origin.cause, origin.line) == ("unknown", None) and "of ours" in origin.detail


def test_an_error_of_the_users_goes_through():
    model = nn.Linear(3, 3)
    with pytest.raises(RuntimeError, match="shapes"), Trace([model]):
        model(torch.ones(1, 4))
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None


def test_what_was_bad_is_forgotten():
    recorder = Recorder([])
    assert recorder.births == {} and recorder.names == {}
    with Trace([nn.Linear(2, 2)], batch=torch.tensor([float("nan")])) as trace:
        assert trace._recorder.names
    assert not trace._recorder.names

"""Steps of an unusual kind beside a birth: they neither stop the trace nor hide what is born."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from nbdebug.nonfinite.trace.step import Trace
from tests.nonfinite.situations import Situation, born, check

SITUATIONS: list[Situation] = []


def beside(what):
    """A model, and a step that does `what(model)` and then takes the logarithm of 0."""
    model = nn.Linear(4, 3)

    def step():
        what(model)
        (model(torch.randn(6, 4)) * 0).log().sum().backward()  # the birth

    return [model], step


logarithm = functools.partial(born, phase="loss", operator="log", cause="domain", at="# the birth")


@logarithm()
def a_hessian():
    matrix = torch.randn(6, 4)
    return beside(lambda model: torch.func.hessian(lambda w: (matrix @ w).norm())(torch.ones(4)))


@logarithm()
def forward_mode_derivatives():
    return beside(lambda model: torch.func.jvp(model, (torch.randn(4),), (torch.randn(4),)))


@logarithm()
def nested_tensors():
    def what(model):
        nested = torch.nested.nested_tensor([torch.randn(2, 4), torch.randn(3, 4)], layout=torch.jagged)
        return model(nested).values().sum()

    return beside(what)


@logarithm()
def sparse_matrices():
    return beside(lambda model: (torch.sparse.mm(torch.eye(6).to_sparse(), model(torch.randn(6, 4))), torch.eye(6).to_sparse_csr() @ torch.ones(6, 2)))


@logarithm()
def the_meta_device():
    return beside(lambda model: nn.Linear(4, 4, device="meta")(torch.empty(2, 4, device="meta")))


@logarithm()
def narrow_and_quantised_types():
    def what(model):
        torch.tensor([1.0, float("nan")]).to(torch.float8_e4m3fn).float()
        return torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8).dequantize()

    return beside(what)


@logarithm()
def tensors_of_another_class():
    class Own(torch.Tensor):
        pass

    return beside(lambda model: model(torch.randn(2, 4).as_subclass(Own)))


@logarithm()
def an_error_that_is_caught():
    def what(model):
        with pytest.raises(RuntimeError):
            model(torch.randn(2, 5))

    return beside(what)


@born("loss", "log", cause="domain")
def compiled_within_the_step():
    model = nn.Linear(4, 3)

    def step():
        def compiled(h):
            return (h * 0).log().sum()  # guilty

        torch.compile(compiled, backend="eager")(model(torch.randn(6, 4))).backward()

    return [model], step


@born("backward", "sqrt", cause="domain")
def selective_checkpointing():
    model = nn.Linear(4, 3)

    def policy(context, operator, *args, **kwargs):
        return CheckpointPolicy.MUST_SAVE if operator is torch.ops.aten.addmm.default else CheckpointPolicy.PREFER_RECOMPUTE

    def part(x):
        return (model(x) * 0).sqrt()  # guilty

    def step():
        contexts = functools.partial(create_selective_checkpoint_contexts, policy)
        checkpoint(part, torch.randn(6, 4, requires_grad=True), use_reentrant=False, context_fn=contexts).sum().backward()

    return [model], step


@born("forward", "log", cause="domain", module="")
def parameters_made_in_the_first_step():
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LazyLinear(3)

        def forward(self, x):
            return (self.layer(x) * 0).log()  # guilty

    model = Lazy()
    return [model], lambda: model(torch.randn(6, 4)).sum().backward()


@born("loss", "nll_loss_forward", cause="domain", said="no elements")
def an_empty_batch():
    model = nn.Linear(4, 3)
    return [model], lambda: F.cross_entropy(model(torch.randn(0, 4)), torch.zeros(0).long()).backward()  # guilty


@born("optimizer", cause="weights")
def a_row_of_an_embedding():
    model = nn.Embedding(5, 4)
    with torch.no_grad():
        model.weight[3] = float("nan")
    return [model], lambda: model(torch.tensor([0, 3])).sum().backward()


@born("forward", "log", cause="domain", said="log of 0")
def forward_of_a_custom_function():
    class Logarithm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return (x * 0).log()  # guilty

        @staticmethod
        def backward(ctx, g):
            return g

    class Applying(nn.Linear):
        def forward(self, x):
            return Logarithm.apply(super().forward(x))

    model = Applying(4, 3)
    return [model], lambda: model(torch.randn(6, 4)).sum().backward()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("situation", SITUATIONS, ids=repr)
def test_birth(situation):
    check(situation)


def test_an_unused_bad_row_is_no_end():
    model = nn.Embedding(5, 4)
    with torch.no_grad():
        model.weight[3] = float("nan")
    with Trace([model]) as trace:
        model(torch.tensor([0, 1])).sum().backward()
    assert trace.origin() is None


def test_a_small_part_of_a_large_memory_is_marked_by_itself():
    stored = torch.zeros(1 << 22)
    x = stored[100:116].view(4, 4)
    x[2, 1] = float("nan")
    x[3, 3] = float("nan")
    model = nn.Linear(4, 3)
    with Trace([model], batch=x) as trace:
        births = trace._recorder.marks.find(x).births
        model(x).sum().backward()
    assert births.numel() < 20
    assert (trace.origin().sample, trace.origin().column) == (2, 1)

"""What is lent and what is not: the originals are never written to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.testing._internal.two_tensor import TwoTensor

from nbdebug import TrainingSetup
from nbdebug.untouched.digest import differences, digest
from nbdebug.untouched.walk import session_of
from tests.untouched.borrowing import after, allocated, train, training

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_originals_are_never_written_to() -> None:
    setup = training()
    norm, weight = setup.model.body[1], setup.model.head.weight
    originals = norm.running_mean, norm.num_batches_tracked, setup.model.memory["mean"], weight, weight.grad
    versions = [tensor._version for tensor in originals]
    after(setup, train, weights=True)
    assert [tensor._version for tensor in originals] == versions
    held = norm.running_mean, norm.num_batches_tracked, setup.model.memory["mean"], setup.model.head.weight, weight.grad
    assert [id(tensor) for tensor in held] == [id(tensor) for tensor in originals]


def test_weights_are_copied_only_to_train() -> None:
    model = nn.Sequential(nn.Linear(500, 1000), nn.BatchNorm1d(1000), nn.Linear(1000, 1000))
    size = sum(p.nbytes for p in model.parameters())
    setup = TrainingSetup(model, optimizer=torch.optim.Adam(model.parameters()))
    model(torch.randn(2, 500)).sum().backward()
    setup.step()
    looking = allocated(lambda: after(setup, lambda s: None))  # the sums of two digests, in all
    assert looking < 0.3 * size
    copied = allocated(lambda: after(setup, lambda s: None, weights=True)) - looking
    assert 2.9 * size < copied < 3.1 * size  # weights, and two moments of each


def test_a_graph_made_before_can_be_walked_back_after_a_training_examination() -> None:
    setup = training()
    batch = next(iter(setup.train_loader))
    setup.model.eval()
    twin, loss = setup.loss(batch), setup.loss(batch)
    wanted = torch.autograd.grad(twin, setup.model.head.weight)[0]
    after(setup, train, weights=True)
    assert torch.equal(torch.autograd.grad(loss, setup.model.head.weight)[0], wanted)


class Wrapped(nn.Module):
    """Its parameter keeps its numbers in other tensors, as quantised and distributed ones do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(TwoTensor(torch.ones(3), torch.ones(3)))


def parameters_of_every_kind() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    rows = nn.Linear(4, 4)
    rows.weight = nn.Parameter(torch.randn(4, 4).t())  # not contiguous
    half_frozen = nn.Linear(4, 4).requires_grad_(False)
    block = torch.randn(40)
    parts = nn.ParameterList([nn.Parameter(block[:16].view(4, 4)), nn.Parameter(block[10:20])])  # these overlap
    complex_ = nn.ParameterList([torch.randn(3, dtype=torch.complex64)])
    coo = nn.ParameterList([nn.Parameter(torch.eye(3).to_sparse())])
    return {
        "rnn": nn.LSTM(4, 4, num_layers=2), "rows": rows, "frozen": half_frozen, "overlapping": parts,
        "complex": complex_, "sparse": coo, "half": nn.Linear(4, 4, dtype=torch.bfloat16), "scalar": nn.PReLU(1),
        "empty": nn.Linear(0, 3), "meta": nn.Linear(3, 3, device="meta"), "wrapped": Wrapped(),
        "scripted": torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))),
        "parametrized": torch.nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)),
    }  # fmt: skip


@pytest.mark.parametrize("kind", parameters_of_every_kind())
def test_weights_of_every_kind_come_back(kind: str) -> None:
    model = parameters_of_every_kind()[kind]

    def ruin(setup: TrainingSetup) -> None:
        with torch.no_grad():
            for tensor in (*model.parameters(), *model.buffers()):
                tensor.zero_() if kind != "meta" else tensor.add_(1)
                tensor.requires_grad_(not tensor.requires_grad) if tensor.is_floating_point() else None

    assert after(TrainingSetup(model), ruin, weights=True).changes == ()
    before = digest(session_of(TrainingSetup(model), weights=False))
    ruin(TrainingSetup(model))
    assert differences(before, digest(session_of(TrainingSetup(model), weights=False))) != ()


def test_parameters_that_overlap_do_so_while_they_are_lent() -> None:
    model = parameters_of_every_kind()["overlapping"]

    def write(setup: TrainingSetup) -> None:
        model[0].data.fill_(7.0)  # (4, 4), of which the last 6 numbers are the first 6 of the other
        assert model[1].tolist()[:6] == [7.0] * 6

    assert after(TrainingSetup(model), write, weights=True).changes == ()


def test_an_embedding_that_renormalises_is_lent_always() -> None:
    model = nn.Sequential(nn.Embedding(5, 3, max_norm=0.1), nn.Flatten())
    assert after(TrainingSetup(model), lambda s: s.model(torch.arange(5))).changes == ()


class Teacher(nn.Module):
    """Writes to weights in its forward, as momentum encoders do."""

    def __init__(self) -> None:
        super().__init__()
        self.student, self.teacher = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.follow()
        return self.student(x) - self.teacher(x)

    def follow(self) -> None:
        with torch.no_grad():
            for mine, its in zip(self.student.parameters(), self.teacher.parameters(), strict=True):
                its.lerp_(mine, 0.1)


def test_a_forward_that_writes_to_weights_is_seen_in_its_code() -> None:
    assert after(TrainingSetup(Teacher()), lambda s: s.model(torch.ones(2, 3))).changes == ()


def test_an_optimizer_that_steps_during_backward_is_lent() -> None:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model.weight.register_post_accumulate_grad_hook(lambda _: optimizer.step())
    assert after(TrainingSetup(model, optimizer=optimizer), lambda s: model(torch.ones(2, 3)).sum().backward()).changes == ()


def test_a_layer_made_by_the_forward_is_gone_again() -> None:
    class Late(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if "layer" not in self._modules:
                self.layer = nn.Linear(3, 1)
                self.register_buffer("count", torch.zeros(()))
            return self.layer(x)

    model = Late()
    assert after(TrainingSetup(model), lambda s: model(torch.ones(2, 3))).changes == ()
    assert list(model.state_dict()) == []


def test_hooks_of_parameters_and_of_all_modules_come_off() -> None:
    def hook_everything(setup: TrainingSetup) -> None:
        setup.model.head.weight.register_hook(lambda g: g)
        setup.model.head.bias.register_post_accumulate_grad_hook(lambda p: None)
        nn.modules.module.register_module_forward_hook(lambda *_: None)

    setup = training()
    assert after(setup, hook_everything).changes == ()
    assert setup.model.head.weight._backward_hooks is None
    assert not nn.modules.module._global_forward_hooks


def test_a_gradient_of_none_stays_none() -> None:
    setup = training()
    setup.model.head.weight.grad = None
    assert after(setup, train, weights=True).changes == ()
    assert setup.model.head.weight.grad is None


def test_what_only_the_optimizer_knows_is_kept_too() -> None:
    setup, stray = training(), nn.Parameter(torch.ones(2))
    stray.grad = torch.ones(2)
    setup.optimizer.add_param_group({"params": [stray]})
    assert after(setup, lambda s: s.optimizer.zero_grad()).changes == ()
    assert stray.grad.tolist() == [1, 1]


def test_a_learning_rate_that_is_a_tensor_is_not_written_to() -> None:
    model, rate = nn.Linear(2, 2), torch.tensor(0.5)
    setup = TrainingSetup(model, optimizer=torch.optim.SGD(model.parameters(), lr=rate))
    assert after(setup, lambda s: s.optimizer.param_groups[0]["lr"].fill_(9.0), weights=True).changes == ()
    assert setup.optimizer.param_groups[0]["lr"] is rate

"""What in an optimizer's step made a weight NaN or infinite, found by changing one thing at a time."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nbdebug.nonfinite.finite import all_finite
from nbdebug.nonfinite.kept.snapshot import Snapshot
from nbdebug.nonfinite.twin import Twin
from nbdebug.nonfinite.update import update_origin

INF = float("inf")


def stepped(make, *, gradient=None, dtype=torch.float32, steps=1):
    """A linear layer, its optimizer after a step with a given gradient, and the snapshot before that step."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 3).to(dtype)
    optimizer = make(layer)
    for _ in range(steps):
        for p in layer.parameters():
            p.grad = torch.ones_like(p) if gradient is None else torch.full_like(p, gradient)
        before = Snapshot.take([layer], [optimizer])
        optimizer.step()
    return layer, optimizer, before


def origin_of(layer, optimizer, before):
    return update_origin([optimizer], before, {id(p): name for name, p in layer.named_parameters()}, 7)


@pytest.mark.parametrize(
    ("make", "gradient", "cause", "said", "remedy"),
    [
        (lambda m: torch.optim.Adam(m.parameters(), eps=0.0), 0.0, "eps", "eps = 0", "with eps = 1e-08"),
        (lambda m: torch.optim.RMSprop(m.parameters(), eps=0.0), 0.0, "eps", "eps = 0", "with eps = 1e-08"),
        (lambda m: torch.optim.SGD(m.parameters(), lr=INF), 1.0, "learning rate", "learning rate = inf", "with learning rate = 0.001"),
        (lambda m: torch.optim.SGD(m.parameters(), lr=1e38), 1e3, "learning rate", "gradients up to 1e+03", "with learning rate = 0.001"),
        (lambda m: torch.optim.SGD(m.parameters(), weight_decay=INF), 1.0, "weight decay", "weight_decay = inf", "with weight_decay = 0.0"),
        (lambda m: torch.optim.Adam(m.parameters()), 1e25, "overflow", "leave the range of float32", "in float64"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_quantity_is_found_by_experiment(make, gradient, cause, said, remedy):
    origin = origin_of(*stepped(make, gradient=gradient))
    assert (origin.phase, origin.step, origin.parameter, origin.group, origin.cause) == ("optimizer", 7, "weight", 0, cause)
    assert said in origin.detail and remedy in origin.remedy


def test_the_group_and_the_parameter_are_named():
    def make(layer):
        return torch.optim.Adam([{"params": [layer.bias]}, {"params": [layer.weight], "eps": 0.0}])

    origin = origin_of(*stepped(make, gradient=0.0))
    assert (origin.group, origin.parameter, origin.became) == (1, "weight", "nan")
    assert origin.detail.startswith("Adam, group 1")


def test_float16_weights_need_a_larger_eps():
    def make(layer):
        return torch.optim.Adam(layer.parameters(), eps=1e-8, foreach=False)

    origin = origin_of(*stepped(make, gradient=0.0, dtype=torch.float16))
    assert origin.cause == "eps" and "which is 0 in float16" in origin.detail


def test_a_ruined_state_is_told_from_a_ruined_step():
    def make(layer):
        optimizer = torch.optim.Adam(layer.parameters())
        for p in layer.parameters():
            p.grad = torch.ones_like(p)
        optimizer.step()
        optimizer.state[layer.bias]["exp_avg"][1] = float("nan")
        return optimizer

    origin = origin_of(*stepped(make))
    assert (origin.cause, origin.parameter) == ("state", "bias") and "exp_avg" in origin.detail


def test_the_operator_and_what_met_there_are_told():
    origin = origin_of(*stepped(lambda m: torch.optim.Adam(m.parameters(), eps=0.0), gradient=0.0))
    (link,) = origin.chain
    assert link.operator == origin.operator == "aten.addcdiv_.default"
    assert [values.name for values in link.inputs] == ["weight", "exp_avg", "argument 3"]
    assert link.inputs[2].maximum == 0.0 and link.output.nan == 12


def test_a_sound_step_has_no_origin_and_nothing_is_moved():
    layer, optimizer, before = stepped(lambda m: torch.optim.AdamW(m.parameters()), steps=3)
    gradients = [p.grad.clone() for p in layer.parameters()]
    assert origin_of(layer, optimizer, None) is None
    assert origin_of(layer, optimizer, before) is None
    assert all(torch.equal(p.grad, g) for p, g in zip(layer.parameters(), gradients, strict=True))
    assert optimizer.state[layer.weight]["step"] == 2  # as before the third


def test_after_the_fact_states_and_hyperparameters_are_read():
    layer, optimizer, _ = stepped(lambda m: torch.optim.Adam(m.parameters(), eps=0.0), gradient=0.0)
    after = copy.deepcopy(layer.state_dict())
    origin = origin_of(layer, optimizer, None)
    assert (origin.cause, origin.detail) == ("eps", "Adam, group 0: eps = 0")
    assert all(torch.equal(after[name], value) or not all_finite([value]) for name, value in layer.state_dict().items())


def test_the_place_of_the_step_is_kept_for_an_optimizer_of_torch():
    layer, optimizer, before = stepped(lambda m: torch.optim.Adam(m.parameters(), eps=0.0), gradient=0.0)
    place = {"file": "train.py", "line": 12, "cell": None, "text": "optimizer.step()"}
    origin = update_origin([optimizer], None, {}, 0, place)
    assert (origin.file, origin.line, origin.text, origin.parameter) == ("train.py", 12, "optimizer.step()", "parameter 0")


# -- the twin -------------------------------------------------------------------------------------------------------------


class Signs(torch.optim.Optimizer):
    """With attributes of its own, and a reference to its model."""

    def __init__(self, model, lr):
        super().__init__(model.parameters(), {"lr": lr})
        self.model, self.calls, self.file = model, 0, None

    @torch.no_grad()
    def step(self, closure=None):
        self.calls += 1
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad.sign())


def test_a_twin_steps_as_its_original_and_leaves_it_alone():
    layer, optimizer, _ = stepped(lambda m: Signs(m, 0.5))
    torch.optim.lr_scheduler.StepLR(optimizer, 1)  # which puts its own step over the class's
    twin = Twin.of(optimizer)
    before = layer.weight.detach().clone()
    twin.step()
    assert torch.equal(layer.weight, before) and optimizer.calls == 1
    moved = twin.optimizer.param_groups[0]["params"][0]
    assert torch.equal(moved, before - 0.5) and twin.optimizer.model.weight is moved


def test_a_twin_hears_none_of_the_originals_hooks():
    layer, optimizer, _ = stepped(lambda m: torch.optim.SGD(m.parameters(), lr=0.1))
    heard = []
    optimizer.register_step_post_hook(lambda *given: heard.append(given))
    Twin.of(optimizer).step()
    assert heard == []


def test_what_cannot_be_copied_has_no_twin(tmp_path):
    layer, optimizer, _ = stepped(lambda m: Signs(m, 0.5))
    with open(tmp_path / "log", "w") as optimizer.file:
        assert Twin.of(optimizer) is None
    assert Twin.of(torch.optim.LBFGS(layer.parameters())) is None

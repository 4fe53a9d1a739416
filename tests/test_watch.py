"""Watching a loop: it sees what the loop did, changes nothing in it, and takes everything off."""

from __future__ import annotations

import copy
import pickle
import random
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import nbdebug
from nbdebug.taps import LOSSES
from tests.patients.parts import features, loader, mlp, tokens

pytestmark = pytest.mark.filterwarnings("ignore")


def tapped() -> dict[str, object]:
    """What the taps replace, and the hooks that torch keeps for everybody."""
    from torch.nn.modules import module
    from torch.nn.utils import clip_grad
    from torch.optim import lr_scheduler, optimizer
    from torch.utils.data import DataLoader, dataloader

    kinds = [k for k in vars(lr_scheduler).values() if isinstance(k, type) and "step" in vars(k)]
    held = {f"{k.__name__}.step": vars(k)["step"] for k in kinds}
    for owner, names in (
        (nn.Module, ["__call__", "train", "zero_grad", "state_dict", "load_state_dict"]),
        (torch.optim.Optimizer, ["zero_grad", "load_state_dict"]),
        (torch.amp.GradScaler, ["scale", "step", "unscale_", "update"]),
        (torch.autograd, ["backward", "grad"]),
        (clip_grad, ["_clip_grads_with_norm_", "_group_tensors_by_device_and_dtype"]),
        (DataLoader, ["__iter__"]),
        (dataloader._BaseDataLoaderIter, ["__next__"]),
        (nn.functional, LOSSES),
    ):
        held |= {f"{owner.__name__}.{name}": vars(owner)[name] for name in names}
    for home in (module, optimizer):
        held |= {f"{home.__name__}.{name}": dict(v) for name, v in vars(home).items() if name.startswith("_global") and isinstance(v, dict)}
    return held


def train(model: nn.Module, optimizer: torch.optim.Optimizer, *, steps: int = 6, stop: Exception | None = None) -> list[float]:
    losses = []
    batches = loader(*features())
    for step, (inputs, targets) in enumerate(batches):
        if step == steps:
            break
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if stop is not None and step == 2:
            raise stop
    return losses


class Everything(nn.Module):
    """In-place ReLU, batch norm, dropout, a shared layer, a recurrent one, checkpointing, a dict as output."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.relu, self.drop = nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Dropout(0.2)
        self.shared, self.gru = nn.Linear(16, 16), nn.GRU(16, 16, batch_first=True)
        self.block = nn.Sequential(nn.Linear(16, 16), nn.Tanh())
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.drop(self.relu(self.norm(self.first(x))))
        x = self.shared(torch.tanh(self.shared(x)))
        x, _ = self.gru(x[:, None].expand(-1, 3, -1))
        x = checkpoint(self.block, x[:, -1], use_reentrant=False)
        return {"logits": self.head(x), "extra": [x.detach()]}


class Logits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Everything()

    def forward(self, x):
        return self.inner(x)["logits"] * (1 + 0.1 * random.random() + 0.1 * float(np.random.rand()))


def build(name: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = Logits()
    kinds = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), "adam": lambda p: torch.optim.Adam(p, lr=0.01),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True), "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    }  # fmt: skip
    return model, kinds[name](model.parameters())


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_watched_run_is_the_unwatched_run_bit_for_bit(name, every):
    plain, optimizer = build(name)
    losses = train(plain, optimizer)
    model, optimizer = build(name)
    with nbdebug.watch(every=every, live=False, max_gradient_norm=1.0):
        assert train(model, optimizer) == losses
    for one, other in zip(plain.state_dict().values(), model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("stop", [None, ValueError("broken"), KeyboardInterrupt()], ids=["end", "error", "interrupt"])
def test_everything_is_taken_off(stop):
    model, optimizer = build("adam")
    before = tapped()
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()]
    try:
        with nbdebug.watch(live=False) as watch:
            train(model, optimizer, stop=stop)
    except (ValueError, KeyboardInterrupt) as error:
        assert error is stop
    assert tapped() == before
    assert [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()] == hooks
    assert watch.result().steps == (6 if stop is None else 3)


def test_an_interrupt_carries_the_report():
    model, optimizer = build("adam")
    with pytest.raises(KeyboardInterrupt) as raised, nbdebug.watch(live=False):
        train(model, optimizer, stop=KeyboardInterrupt())
    assert raised.value.report.result.steps == 3
    assert raised.value.report.stopped == "interrupted"
    assert nbdebug.last_report() is raised.value.report


def test_the_loop_as_it_ran_is_told_in_order():
    model, batches = mlp(), loader(*features())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    usual = max(watch.result().cycles, key=lambda cycle: cycle.times)
    assert [(e.kind, e.who) for e in usual.events] == [
        ("batch", "batches"), ("zero", "optimizer"), ("forward", "model"), ("loss", "cross_entropy"), ("backward", ""),
        ("clip", "optimizer"), ("step", "optimizer"),
    ]  # fmt: skip
    lines = [e.place.line for e in usual.events]
    assert lines[1:] == sorted(lines[1:]) and lines[1] == lines[0] + 1
    assert usual.times == len(batches) - 1  # the first has the beginning of the iteration too


def test_curves_have_the_loops_own_numbers():
    model, batches = mlp(), loader(*features())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses, norms = [], []
    with nbdebug.watch(live=False, every=1) as watch:
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            norms.append(float(torch.cat([p.grad.flatten() for p in model.parameters()]).norm()))
            optimizer.step()
            losses.append(loss.item())
    tracks = watch.result().tracks
    assert tracks["loss"].values == tuple(losses)
    assert tracks["gradient norm"].values == pytest.approx(norms, rel=1e-5)
    assert set(tracks["learning rate"].values) == {0.1}
    assert watch.history()["loss"].tolist() == losses


def test_validation_is_weighed_by_samples():
    model, validation = mlp(), loader(*features(40), batch_size=32, shuffle=False)
    with nbdebug.watch(live=False) as watch:
        train(model, torch.optim.SGD(model.parameters(), lr=0.1), steps=2)
        model.eval()
        with torch.no_grad():
            for inputs, targets in validation:
                F.cross_entropy(model(inputs), targets)
            inputs, targets = features(40)
            whole = F.cross_entropy(mlp_like(model)(inputs), targets).item()
    assert watch.result().tracks["validation loss"].values == pytest.approx([whole], rel=1e-3)


def mlp_like(model):
    """The same function, called as no module is."""
    return lambda x: F.linear(F.linear(x, model[0].weight, model[0].bias).relu(), model[2].weight, model[2].bias)


def test_several_cells_go_on_with_the_history():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = nbdebug.watch(live=False)
    with watch:
        train(model, optimizer, steps=3)
    with watch:
        train(model, optimizer, steps=4)
    result = watch.result()
    assert result.steps == 7
    assert result.tracks["loss"].steps == tuple(range(7))
    assert [o.steps for o in result.optimizers] == [7]
    assert [m.name for m in result.models] == ["model"]


def test_a_report_in_the_middle_of_the_loop_leaves_no_trace_in_it():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        for _ in range(4):
            train(model, optimizer, steps=3)
            assert watch.report().result.steps > 0
    result = watch.result()
    assert "validation loss" not in result.tracks  # the report works out the loss of constant predictions
    assert all(event.facts["grad"] for cycle in result.cycles for event in cycle.of("loss"))
    assert result.tracks["loss"].steps == tuple(range(12))


def test_what_is_logged_after_the_block_is_kept():
    model = mlp()
    with nbdebug.watch(live=False) as watch:
        train(model, torch.optim.SGD(model.parameters(), lr=0.1), steps=3)
    watch.log(accuracy=0.5)
    assert watch.history()["accuracy"].dropna().tolist() == [0.5]
    assert "accuracy" in str(watch.report())


def test_nothing_of_the_users_is_held_afterwards():
    import weakref

    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        train(model, optimizer)
    gone = weakref.ref(model), weakref.ref(model[0].weight), weakref.ref(optimizer)
    del model, optimizer
    import gc

    gc.collect()
    assert [held() for held in gone] == [None, None, None]
    assert watch.result().steps == 6


def test_two_networks_two_optimizers():
    torch.manual_seed(0)
    critic, maker = mlp(16, 1), mlp(4, 16)
    for_critic, for_maker = torch.optim.Adam(critic.parameters()), torch.optim.Adam(maker.parameters())
    with nbdebug.watch(live=False) as watch:
        for _ in range(5):
            real, noise = torch.randn(32, 16), torch.randn(32, 4)
            for_critic.zero_grad()
            fake = maker(noise)
            scores = torch.cat([critic(real), critic(fake.detach())])
            F.binary_cross_entropy_with_logits(scores, (torch.arange(64) < 32).float()[:, None]).backward()
            for_critic.step()
            for_maker.zero_grad()
            F.binary_cross_entropy_with_logits(critic(fake), torch.ones(32, 1)).backward()
            for_maker.step()
    result = watch.result()
    assert result.steps == 5
    assert {m.name for m in result.models} == {"critic", "maker"}
    assert {o.name: o.steps for o in result.optimizers} == {"for_critic": 5, "for_maker": 5}
    assert {"loss of for_critic", "loss of for_critic, for_maker"} <= set(result.tracks)


def test_a_closure_is_one_step():
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)
    inputs, targets = features()

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    with nbdebug.watch(live=False) as watch:
        for _ in range(4):
            optimizer.step(closure)
    assert watch.result().steps == 4
    assert all(e.facts["gradients"] == "some" for _, e in watch.result().events("step"))


def test_a_scaler_that_skips_is_counted():
    model, scaler = mlp(), torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=100)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, targets = features()
    with nbdebug.watch(live=False) as watch:
        for _ in range(12):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = F.cross_entropy(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    (seen,) = watch.result().optimizers
    assert seen.skipped > 0 and seen.steps > 0 and seen.steps + seen.skipped == 12
    assert watch.result().tracks["loss"].values[0] == pytest.approx(2.3, abs=0.4)  # not multiplied


def test_other_threads_are_not_the_loop():
    model, other = mlp(), mlp()
    optimizer, elsewhere = torch.optim.SGD(model.parameters(), lr=0.1), torch.optim.SGD(other.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        thread = threading.Thread(target=lambda: train(other, elsewhere))
        thread.start()
        thread.join()
        train(model, optimizer)
    assert [m.name for m in watch.result().models] == ["model"]


def test_a_given_model_is_the_only_one():
    model, other = mlp(), mlp()
    with nbdebug.watch(model, live=False) as watch:
        train(other, torch.optim.SGD(other.parameters(), lr=0.1))
        train(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert [m.name for m in watch.result().models] == ["model"]


def test_a_compiled_model_says_what_is_not_visible():
    model = mlp()
    compiled = torch.compile(model, backend="eager")
    with nbdebug.watch(live=False) as watch:
        train(compiled, torch.optim.SGD(model.parameters(), lr=0.1))
    result = watch.result()
    assert result.steps == 6
    assert any("compiled" in limit for limit in result.limits)
    assert {t.what for t in result.tensors} >= {"weight", "gradient"}


def test_a_language_model_of_transformers():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=20, n_positions=16, n_embd=16, n_layer=2, n_head=2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ids, _ = tokens(32)
    with nbdebug.watch(live=False) as watch:
        for _ in range(3):
            loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    names = {t.name for t in watch.result().tensors if t.what == "activation"}
    assert "transformer.h.0.mlp.c_fc" in names and "lm_head" in names


def test_a_report_survives_json():
    model = mlp()
    with nbdebug.watch(live=False) as watch:
        train(model, torch.optim.SGD(model.parameters(), lr=0.1))
    report = watch.report()
    assert nbdebug.Report.from_dict(report.to_dict()) == report


def test_a_loop_that_trains_nothing_says_so():
    with nbdebug.watch(live=False) as watch:
        mlp()(features()[0])
    assert "no training step was seen" in watch.report().subject


def test_a_budget_chooses_how_often_to_look():
    model, inputs = mlp(), features()[0]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False, budget="5%") as watch:
        for _ in range(60):
            optimizer.zero_grad()
            model(inputs).square().mean().backward()
            optimizer.step()
    assert watch.result().every > 1
    assert watch.result().overhead is not None


@pytest.mark.parametrize(
    "options, said",
    [
        ({"every": 0}, "every must be"), ({"budget": "lots"}, "budget of watch"), ({"every": 2, "budget": 0.1}, "exclude"),
        ({"memory": "some"}, "memory looks like"), ({"model": 3}, "must be"), ({"max_gradient_norm": -1}, "positive"),
        ({"each_step": 3}, "callable"),
    ],
)  # fmt: skip
def test_options_are_read_with_care(options, said):
    with pytest.raises(nbdebug.SetupError, match=said):
        nbdebug.watch(**options)


def test_one_watch_at_a_time():
    with nbdebug.watch(live=False), pytest.raises(nbdebug.SetupError, match="open already"):
        nbdebug.watch(live=False).__enter__()
    with nbdebug.watch(live=False):
        pass


def test_what_the_users_own_check_raises_is_his():
    model = mlp()

    def stop(step):
        raise RuntimeError("enough")

    before = tapped()
    with pytest.raises(RuntimeError, match="enough"), nbdebug.watch(live=False, each_step=stop):
        train(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert tapped() == before


class TargetCopiedOnTheWay(nn.Module):
    """Copies its own network in the middle of the first forward pass, when it has outputs already."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.target = network, None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.network(inputs)
        if self.target is None:
            self.target = copy.deepcopy(self.network).requires_grad_(False)
            self.written = pickle.dumps(self.network)
        return outputs + 0 * self.target(inputs)


def test_a_model_may_be_copied_and_pickled_in_its_own_forward_pass():
    model = TargetCopiedOnTheWay(mlp())
    with nbdebug.watch(live=False, every=1) as watch:
        train(model, torch.optim.SGD(model.parameters(), 0.1))
    assert watch.result().steps == 6 and not watch.result().limits
    assert not any(part._forward_hooks for part in model.target.modules())
    assert "nbdebug" not in str([part._forward_hooks.values() for part in pickle.loads(model.written).modules()])


def _samples_one_by_one(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    weights = {name: p.detach() for name, p in model.named_parameters()}

    def loss(weights: dict, sample: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(torch.func.functional_call(model, weights, (sample[None],)), target[None])

    torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(weights, inputs, targets)


def _planned(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):
        F.cross_entropy(mlp()(torch.randn(inputs.shape)), torch.zeros(len(inputs), dtype=torch.long)).backward()


def _under_inference(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    with torch.inference_mode():
        copy.deepcopy(model)(inputs)


@pytest.mark.parametrize(
    "other",
    [
        _samples_one_by_one,
        _planned,
        _under_inference,
        lambda model, inputs, targets: torch.jit.trace(model, inputs),
        lambda model, inputs, targets: nn.Sequential(nn.LazyLinear(3))(inputs),
        lambda model, inputs, targets: mlp().to("meta")(inputs.to("meta")),
    ],
    ids=["torch.func", "fake tensors", "inference mode", "jit.trace", "lazy layers", "meta device"],
)
def test_what_runs_beside_the_training_does_not_end_the_listening(other):
    inputs, targets = next(iter(loader(*features())))
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with nbdebug.watch(live=False) as watch:
        other(model, inputs, targets)
        train(model, optimizer)
    assert watch.result().steps == 6 and not watch.result().limits


def test_what_exists_only_inside_vmap_is_said_to():
    model = mlp()

    class Mapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.func.vmap(self.inner)(inputs)

    mapped = Mapped()
    with nbdebug.watch(live=False, every=1) as watch:
        train(mapped, torch.optim.SGD(mapped.parameters(), 0.1))
    limits = watch.result().limits
    assert limits and all(limit.endswith("it exists only inside vmap or grad") for limit in limits)


def test_a_loop_that_moves_its_weights_by_hand_is_counted_by_its_backward_passes():
    model = mlp()
    losses = []
    with nbdebug.watch(live=False) as watch:
        for inputs, targets in loader(*features()):
            loss = F.cross_entropy(model(inputs), targets)
            model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= 0.1 * parameter.grad
            losses.append(loss.item())
    result = watch.result()
    assert result.steps == len(losses) == 8
    assert result.tracks["loss"].values == tuple(losses)
    assert result.tensors_of("activation")


def test_gradients_under_a_scaler_are_shown_as_they_would_be_without():
    def trained(scale: float) -> nbdebug.Watch:
        torch.manual_seed(0)
        model, scaler = mlp(), torch.amp.GradScaler("cpu", init_scale=scale)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        inputs, targets = features(32)
        with nbdebug.watch(live=False) as watch:
            for _ in range(3):
                optimizer.zero_grad()
                scaler.scale(F.cross_entropy(model(inputs), targets)).backward()
                scaler.step(optimizer)
                scaler.update()
        return watch

    for what in ("activation gradient", "gradient"):
        plain, scaled = ({t.name: t.rms for t in trained(scale).result().tensors_of(what)} for scale in (1.0, 1024.0))
        assert plain and plain.keys() == scaled.keys()
        for name, values in plain.items():
            assert scaled[name] == pytest.approx(values, rel=1e-3), (what, name)


def test_an_optimizer_of_yesterday_does_not_blur_the_first_steps():
    model = mlp()
    stale = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer = torch.optim.Adam(model.parameters())
    losses = []
    with nbdebug.watch(live=False) as watch:
        for inputs, targets in loader(*features()):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert stale.param_groups
    assert watch.result().tracks["loss"].steps == tuple(range(8))
    assert watch.result().tracks["loss"].values == tuple(losses)


def test_a_generator_is_not_decorated():
    with pytest.raises(nbdebug.SetupError, match="does not run when it is called"):

        @nbdebug.watch(live=False)
        def epochs():
            yield 1


def test_data_parallel_is_seen_by_its_wrapper():
    model = nn.DataParallel(mlp())
    with nbdebug.watch(live=False) as watch:
        train(model, torch.optim.SGD(model.parameters(), lr=0.1))
    (seen,) = watch.result().models
    assert (seen.wrapper, watch.result().steps) == ("DataParallel", 6)
    assert watch.result().tensors_of("gradient")


def test_distributed_training_of_one_process_is_seen(tmp_path):
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        model = DistributedDataParallel(mlp())
        with nbdebug.watch(live=False) as watch:
            train(model, torch.optim.SGD(model.parameters(), lr=0.1))
    finally:
        distributed.destroy_process_group()
    result = watch.result()
    assert (result.models[0].wrapper, result.steps) == ("DistributedDataParallel", 6)
    assert len(result.tensors_of("activation")) == 3 and len(result.tensors_of("gradient")) == 4

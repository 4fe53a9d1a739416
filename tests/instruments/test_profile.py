"""The profile: where time and memory go is told apart rightly, and only what gains is offered."""

from __future__ import annotations

import contextlib
import inspect
import json
from dataclasses import replace
from queue import SimpleQueue

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as global_hooks
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbdebug import SetupError, TrainingSetup
from nbdebug.data.running import Box
from nbdebug.instruments.profile import Profile, named_ranges, profile
from nbdebug.instruments.profile.gains import Candidate, Judge, computing, loading, tried
from nbdebug.instruments.profile.gains import modules as parts
from nbdebug.instruments.profile.kept import kept_bytes
from nbdebug.instruments.profile.result import Gain, Waiting
from nbdebug.instruments.profile.waiting import waited
from nbdebug.plain import from_plain, to_plain
from nbdebug.step_cost import Stepper
from nbdebug.untouched import untouched
from tests.patients.parts import features, mlp, training

WIDTH = 1024


class Net(nn.Module):
    """One dear layer among cheap ones, a line that asks for a number, and arithmetic of its own."""

    def __init__(self):
        super().__init__()
        self.cheap, self.dear, self.head = nn.Linear(64, WIDTH), nn.Linear(WIDTH, 4096), nn.Linear(4096, 10)

    def forward(self, x):
        h = torch.tanh(self.cheap(x))
        if h.mean().item() > 100:
            h = h * 2
        return self.head(self.dear(h).cos())


def net_training(**options):
    torch.manual_seed(0)
    return training(Net(), **options)


def line_number(text):
    lines, first = inspect.getsourcelines(Net)
    return first + next(i for i, line in enumerate(lines) if text in line)


@pytest.fixture(scope="module")
def report():
    return profile(net_training(), gains=False, steps=5)


# -- the step taken apart ---------------------------------------------------------------------------------------------


def test_the_phases_are_the_step(report):
    result = report.result
    assert [phase.name for phase in result.phases] == ["moving", "forward", "loss", "backward", "optimizer step", "zero_grad"]
    assert 0.2 < sum(phase.seconds for phase in result.phases) / result.bare.seconds < 5  # on a busy machine
    by_name = {phase.name: phase.seconds for phase in result.phases}
    assert by_name["backward"] > by_name["loss"] > 0 and by_name["forward"] > by_name["moving"]
    assert report.proof.changes == () and report.findings == ()


def test_the_dear_module_is_the_dear_one(report):
    modules = {module.path: module for module in report.result.modules}
    assert list(modules) == ["", "cheap", "dear", "head"]
    assert max(modules.values(), key=lambda module: module.backward).path == "dear"
    assert all(module.calls == 1 for module in modules.values())


def test_memory_by_module_is_what_one_can_count(report):
    modules = {module.path: module for module in report.result.modules}
    batch = report.result.samples
    assert modules["dear"].allocated == batch * 4096 * 4
    assert modules["dear"].peak >= batch * (4096 + WIDTH) * 4  # what tanh gave is there still
    assert modules["head"].kept == batch * 4096 * 4  # its input, which is nobody else's
    assert modules[""].kept == batch * (WIDTH + 4096) * 4  # what tanh gave, and what cos was given
    assert report.result.peak > modules["dear"].peak


def test_operators_have_the_users_line_also_on_the_way_back(report):
    found = {(row.operator, row.way): row for row in report.result.operators}
    assert found["aten::cos", "forward"].line == line_number(".cos()")
    assert found["aten::sin", "backward"].line == line_number(".cos()")  # the derivative of cos
    assert found["aten::addmm", "forward"].module in ("dear", "head", "cheap")
    assert sum(row.share for row in report.result.operators) <= 1 + 1e-9


def test_a_call_that_asks_for_a_number_is_named(report):
    (halt,) = report.result.halts
    assert (halt.operator, halt.calls, halt.line) == ("item()", 1, line_number(".item()"))


def test_an_optimizers_own_counters_are_no_halts():
    model = mlp()
    found = profile(training(model, optimizer=torch.optim.Adam(model.parameters())), gains=False, steps=2)
    assert found.result.halts == ()


def test_the_trace_is_written(tmp_path):
    path = tmp_path / "trace.json"
    found = profile(net_training(), gains=False, steps=2, trace=str(path))
    names = {event.get("name") for event in json.loads(path.read_text())["traceEvents"]}
    assert {"forward dear", "forward (model)"} <= names and found.result.trace == str(path)


def test_a_trace_that_cannot_be_written_is_refused():
    for path in ("nowhere/at/all.json", "trace.txt"):
        with pytest.raises(SetupError, match="trace must name"):
            profile(net_training(), trace=path)


def test_what_is_recomputed_counts_where_it_runs():
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(Net):
        def forward(self, x):
            return self.head(checkpoint(self.dear, self.cheap(x), use_reentrant=False))

    found = {m.path: m for m in profile(training(Checkpointed()), gains=False, steps=2).result.modules}
    assert found["dear"].calls == 2 and found["dear"].kept == 0
    assert found["dear"].backward > found["cheap"].backward


def test_a_model_that_calls_only_parts_of_itself():
    setup = training(mlp(), loss_fn=None, batch_loss=lambda s, b: F.cross_entropy(s.model[2](s.model[0](b[0])), b[1]))
    phases = {phase.name: phase.seconds for phase in profile(setup, gains=False, steps=2).result.phases}
    assert phases["forward"] > 0 and phases["loss"] == 0


# -- names ------------------------------------------------------------------------------------------------------------


class Book:
    """Notes what is opened and closed."""

    def __init__(self):
        self.lines = []

    def __call__(self, name):
        self.lines.append(f"+{name}")
        return lambda: self.lines.append(f"-{name}")


def test_ranges_lie_inside_each_other_and_follow_each_other_back():
    model, book = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), Book()
    with named_ranges(model, opener=book):
        model(torch.randn(2, 4)).sum().backward()
    assert book.lines == [
        "+forward (model)", "+forward 0", "-forward 0", "+forward 1", "-forward 1", "-forward (model)",
        "+backward 1", "-backward 1", "+backward 0", "-backward 0",
    ]  # fmt: skip


def test_an_error_closes_its_ranges_and_no_hook_stays():
    class Raises(nn.Module):
        def forward(self, x):
            raise ValueError("boom")

    hooks = [registry for name, registry in vars(global_hooks).items() if name.startswith("_global_") and isinstance(registry, dict)]
    before, book = [len(registry) for registry in hooks], Book()
    model = nn.Sequential(nn.Linear(4, 4), Raises())
    with pytest.raises(ValueError), named_ranges(model, opener=book):
        model(torch.randn(2, 4))
    assert sorted(line[1:] for line in book.lines if line[0] == "+") == sorted(line[1:] for line in book.lines if line[0] == "-")
    assert [len(registry) for registry in hooks] == before


def test_in_place_and_views_are_no_trouble():
    model, book = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Flatten(0)), Book()
    with named_ranges(model, opener=book):
        model(torch.randn(2, 4)).sum().backward()
    assert "+backward 0" in book.lines


def test_the_profiler_shows_the_names_of_ones_own_script():
    model = mlp()
    with torch.profiler.profile() as recording, named_ranges(model):
        model(torch.randn(2, 64)).sum().backward()
    assert {"forward 0", "backward 0"} <= {event.name for event in recording.events()}


def test_what_a_module_keeps_is_counted_once():
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    setup = training(model)
    inputs, targets = features(16)
    assert kept_bytes(setup, (inputs, targets), []) == {"1": 16 * 32 * 4}  # its output, which the next layer keeps as well


# -- waiting ----------------------------------------------------------------------------------------------------------


class Slow(Dataset):
    def __len__(self):
        return 200

    def __getitem__(self, index):
        sum(range(60_000))
        return torch.randn(64), index % 10


def test_a_slow_dataset_makes_the_loop_wait():
    setup = training(mlp(), train_loader=DataLoader(Slow(), 8))
    with untouched(setup, weights=True):
        waiting = waited(Stepper(setup), Box(20), steps=4, notes=[])
    assert waiting.share > 0.5 and waiting.steps == 4 and waiting.workers == 0


def test_a_list_of_batches_is_read_as_it_is():
    setup = training(mlp(), train_loader=[features(8) for _ in range(6)])
    with untouched(setup, weights=True):
        waiting = waited(Stepper(setup), Box(20), steps=4, notes=[])
    assert waiting.by == "its batches as they come" and waiting.share < 0.9


def test_the_users_iterator_is_not_moved_on():
    loader = DataLoader(Slow(), 8)
    mine = iter(loader)
    next(mine)
    profile(training(mlp(), train_loader=loader), gains=False, steps=2)
    assert sum(1 for _ in mine) == 24


# -- gains ------------------------------------------------------------------------------------------------------------


class Wasteful(nn.Module):
    """Does its work several times over, as long as it is told to."""

    def __init__(self):
        super().__init__()
        self.layer, self.times = nn.Linear(64, 512), 12
        self.head = nn.Linear(512, 10)

    def forward(self, x):
        for _ in range(self.times):
            h = self.layer(x)
        return self.head(h)


@contextlib.contextmanager
def thrifty(setup):
    setup.model.times = 1
    try:
        yield setup
    finally:
        setup.model.times = 12


@contextlib.contextmanager
def other_loss(setup):
    with thrifty(setup):
        yield replace(setup, loss_fn=lambda outputs, targets: 2 * F.cross_entropy(outputs, targets))


@contextlib.contextmanager
def broken(setup):
    yield replace(setup, loss_fn=lambda outputs, targets: outputs + missing)  # noqa: F821


def judged(candidate, setup=None, seconds=1.0):
    setup = setup or training(Wasteful())
    batch = next(iter(setup.train_loader))
    with untouched(setup, weights=True):
        return Judge(setup, batch, 0.001).gain(candidate, Box(seconds))


def test_what_does_less_and_computes_the_same_is_a_gain():
    gain = judged(Candidate("thrift", "model.times = 1", on=thrifty))
    assert gain.kept and gain.ratio > 1.2 and gain.loss_change < 1e-6 and gain.saved > 0


def test_a_placebo_is_none():
    assert not judged(Candidate("placebo")).kept


def test_what_computes_something_else_is_not_offered():
    gain = judged(Candidate("other loss", on=other_loss))
    assert not gain.kept and gain.loss_change == pytest.approx(1.0) and gain.caution.startswith("not offered")


def test_what_raises_says_why():
    gain = judged(Candidate("broken", on=broken))
    assert "it raised" in gain.why_not and "missing" in gain.why_not and gain.ratio is None


def test_without_time_nothing_is_tried():
    assert "no time" in judged(Candidate("thrift", on=thrifty), seconds=0).why_not


def test_a_turn_that_takes_far_too_long_ends_early(monkeypatch):
    """What the machine does meanwhile can make a step a hundred times as long as it was when the turns were planned."""
    monkeypatch.setattr(tried, "A_TURN", 0.002)
    setup, ran = training(Wasteful()), []
    setup.model.register_forward_hook(lambda *_: ran.append(1))
    batch = next(iter(setup.train_loader))
    with untouched(setup, weights=True):
        race = tried.by_turns(setup, Candidate("the same"), batch, batch, Box(0), seconds=1e-7)
    assert len(race.ratios) == tried.ROUNDS[0]
    assert len(ran) < 3 * tried.ROUNDS[0] * 2000  # 20,000 a turn were planned


def test_what_another_loader_saves_is_beside_what_the_others_save(monkeypatch):
    """A loop that waits 3 ms and computes 1 ms waits 1 ms with workers: half of it, 2 ms a step, is saved."""
    monkeypatch.setattr(loading, "waited", lambda *_, steps, notes, **changes: Waiting(0.001 if changes else 0.003, 0.001, steps, 0, ""))
    setup = training(mlp(), train_loader=DataLoader(Slow(), 8))
    gain = loading.loaded_otherwise(Stepper(setup), Waiting(0.003, 0.001, 4, 0, ""), Box(20), steps=4)
    assert (gain.kept, gain.noise) == (True, None)
    assert (gain.ratio, gain.saved) == (pytest.approx(2.0), pytest.approx(0.002))


def test_the_two_that_save_most_are_offered():
    kept = [Gain(name, ratio=1.5, saved=saved, kept=True) for name, saved in (("a", 1.0), ("b", 3.0), ("c", 2.0))]
    result = Profile(gains=(*kept, Gain("d", ratio=3.0, saved=9.0)))
    assert [gain.name for gain in result.offered] == ["b", "c"]


def test_nothing_cheap_to_gain_is_said():
    result = replace(profile(training(mlp()), gains=False, steps=1).result, gains=(Gain("a", ratio=1.01, low=0.9, high=1.1, rounds=5),))
    assert "nothing cheap to gain" in [panel.title for panel in result.panels()]


def blocks(width=16, samples=512):
    torch.manual_seed(0)
    block = [nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Tanh()) for _ in range(4)]
    model = nn.Sequential(nn.Linear(64, width), *block, nn.Linear(width, 10))
    return training(model, train_loader=DataLoader(TensorDataset(*features(samples)), samples))


def test_checkpointing_saves_memory_and_computes_the_same():
    setup = blocks()
    batch = next(iter(setup.train_loader))
    kept = kept_bytes(setup, batch, [])
    candidate = parts.checkpointing(setup, kept, peak=int(1.5 * sum(kept.values())))
    assert candidate.name == "checkpointing of 4 modules" and candidate.why_not == ""
    gain = judged(candidate, setup)
    assert gain.kept and gain.memory < 0.7 and gain.memory_saved > 0 and gain.gradient_change < 1e-6
    assert "forward" not in vars(setup.model[1])


def test_batch_norm_is_not_checkpointed():
    model = nn.Sequential(nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Tanh()), nn.Linear(64, 10))
    setup = training(model)
    kept = kept_bytes(setup, next(iter(setup.train_loader)), [])
    assert "batch-norm" in parts.checkpointing(setup, kept, peak=sum(kept.values())).why_not


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop])
def test_a_fused_optimizer_is_tried(kind):
    model = mlp()
    setup = training(model, optimizer=kind(model.parameters(), lr=0.01))
    gain = judged(computing.optimizer(setup, share=0.5), setup)
    assert gain.why_not == "" and gain.loss_change == 0 and gain.gradient_change == 0


def test_an_optimizer_that_takes_no_time_is_left_alone():
    assert "takes 1% of the step" in computing.optimizer(training(mlp()), share=0.01).why_not


def images():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    data = TensorDataset(torch.randn(32, 3, 8, 8), torch.randint(0, 10, (32,)))
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters()), DataLoader(data, 8))


def test_channels_last_gives_its_layout_back():
    setup = images()
    weight = setup.model[0].weight
    before = weight.data_ptr(), weight.stride()
    gain = judged(computing.channels_last(setup, next(iter(setup.train_loader))), setup)
    assert gain.why_not == "" and gain.loss_change < 1e-4 and (weight.data_ptr(), weight.stride()) == before


def test_autocast_says_how_the_numbers_differ():
    setup = images()
    gain = judged(computing.autocast(setup), setup)
    assert gain.why_not == "" and 0 < gain.gradient_change < 0.05
    assert "already" in computing.autocast(replace(setup, precision="bf16-mixed")).why_not


def test_threads_come_back():
    before = torch.get_num_threads()
    candidate = replace(computing.threads(training(mlp())), why_not="")
    with pytest.raises(KeyError), candidate.on(training(mlp())):
        raise KeyError
    assert torch.get_num_threads() == before


def test_frozen_parts_run_without_a_graph():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    model[0].requires_grad_(False)
    setup = training(model)
    candidate = parts.without_graph(setup)
    assert "around 0" in candidate.code
    assert judged(candidate, setup).gradient_change == 0
    assert parts.without_graph(training(mlp())).why_not == "nothing is frozen"


def test_a_frozen_part_behind_a_trained_one_is_not_cut_off():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    model[2].requires_grad_(False)
    assert not judged(parts.without_graph(training(model)), training(model)).kept


# -- the whole --------------------------------------------------------------------------------------------------------


def test_a_report_with_everything():
    setup = images()
    before = {name: p.clone() for name, p in setup.model.named_parameters()}
    found = profile(setup, budget=6, steps=3)
    assert found.proof.changes == () and found.stopped == ""
    assert all(torch.equal(before[name], p) for name, p in setup.model.named_parameters())
    assert {"bf16 autocast", "channels_last", "torch.compile"} <= {gain.name for gain in found.result.gains}
    assert from_plain(Profile, to_plain(found.result)) == found.result
    assert "where a step's time goes" in str(found) and setup.optimizer.param_groups[0]["lr"] == 0.001


def test_a_loss_without_a_graph_is_told():
    found = profile(training(mlp(), loss_fn=lambda o, t: F.cross_entropy(o.detach(), t)), steps=2)
    assert "no backward pass to measure" in found.stopped and found.proof.changes == ()


def test_lbfgs_is_measured_without_its_update():
    model = mlp()
    found = profile(training(model, optimizer=torch.optim.LBFGS(model.parameters())), gains=False, steps=2)
    assert any("needs a closure" in note for note in found.result.notes) and found.result.modules


def test_half_precision_with_a_scaler():
    setup = training(mlp(), precision="16-mixed", scaler=torch.amp.GradScaler("cpu"))
    scale = setup.scaler.get_scale()
    found = profile(setup, gains=False, steps=2)
    assert found.result.modules and found.proof.changes == () and setup.scaler.get_scale() == scale


def test_another_profiler_is_named():
    with torch.profiler.profile() as mine:
        with pytest.raises(SetupError, match="another profiler is running"):
            profile(training(mlp()), gains=False, steps=2)
        torch.ones(3).cos()
    assert "aten::cos" in {event.name for event in mine.events()}  # it went on


def test_an_interrupt_keeps_what_was_measured():
    calls = SimpleQueue()

    class Impatient(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, inputs):
            calls.put(1)
            if calls.qsize() == 30:
                raise KeyboardInterrupt
            return self.layer(inputs)

    with pytest.raises(KeyboardInterrupt) as caught:
        profile(training(Impatient()), steps=5)
    assert caught.value.report.result.bare is not None and caught.value.report.proof.changes == ()


def test_bad_options_are_refused():
    with pytest.raises(SetupError, match="steps must be"):
        profile(training(mlp()), steps=0)

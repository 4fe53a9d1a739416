"""The loader as it runs: what can be derived on paper, and what must be gone afterwards."""

from __future__ import annotations

import functools
import multiprocessing
import random
import signal

import numpy
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

import nbdebug
from nbdebug.data.running import Box, Running
from nbdebug.data.running.again import repeated
from nbdebug.data.running.apart import apart_look
from nbdebug.data.running.clock import _steady, costs_of, trial
from nbdebug.data.running.hearing import hearing
from nbdebug.data.running.marker import DIHEDRAL, agreement, marked, pattern, turn
from nbdebug.data.running.overflow import Ear
from nbdebug.data.running.passing import passages, troubles
from nbdebug.data.running.spots import spots_of
from nbdebug.data.running.spying import Notes, Spy, spied
from nbdebug.data.running.watched_arrays import watched_values
from nbdebug.data.running.workers import WorkersFailed, twin, worker_look
from nbdebug.data.running.wrapping import wrapped
from nbdebug.findings import INFO


class Rows(Dataset):
    def __init__(self, rows, transform=None, **attributes):
        self.rows, self.transform = rows, transform
        vars(self).update(attributes)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        return (self.transform(row) if self.transform else row), index % 2


def running(dataset, *, brief=False, samples=4, **options) -> Running:
    return Running(DataLoader(dataset, 4, **options), "train_loader", samples=samples, brief=brief)


def heard(compute, *arrays) -> list[str]:
    ear = Ear()
    with hearing(ear):
        compute(*watched_values(list(arrays), ear))
    return [wrap.example for wrap in ear.wraps if not wrap.deliberate]


# -- integers ---------------------------------------------------------------------------------------------------------


def test_the_example_names_both_operands_and_both_results():
    assert heard(lambda a: a * 2, numpy.array([1, 200], numpy.uint8)) == ["200 * 2 is 400, and became 144"]
    ends = numpy.array([-100], numpy.int8), numpy.array([100], numpy.int8)
    assert heard(lambda a, b: a - b, *ends) == ["-100 - 100 is -200, and became 56"]
    assert heard(lambda a: (a * 1.5).astype(numpy.uint8), numpy.array([200], numpy.uint8)) == ["300 became 44"]


def test_arithmetic_in_place_is_heard_with_what_was_there_before():
    def brighten(array):
        array += 100

    assert heard(brighten, numpy.array([200], numpy.uint8)) == ["200 + 100 is 300, and became 44"]


@pytest.mark.parametrize(
    "compute",
    [
        lambda a: 255 - a,
        lambda a: a.astype(numpy.int32) * 2,
        lambda a: numpy.clip(a * 1.5, 0, 255).astype(numpy.uint8),
        lambda a: (a * 31) & 15,
        lambda a: (a * 31 + 7) % 251,
        lambda a: a.sum(),
        lambda a: a.astype(numpy.float32) * 1000,
        lambda a: (a.astype(numpy.int16) * 0 - 1).astype(numpy.uint8),  # -1 for "ignore" becomes 255
    ],
)
def test_what_does_not_wrap_by_accident_is_not_heard(compute):
    assert heard(compute, numpy.array([3, 200, 255], numpy.uint8)) == []


def test_overflow_that_is_asked_for_is_deliberate():
    def turn_hue(array):
        with numpy.errstate(over="ignore"):
            return array + numpy.uint8(100)

    assert heard(turn_hue, numpy.array([200], numpy.uint8)) == []


def test_numpy_and_torch_are_as_they_were_after_listening():
    before = numpy.asarray, numpy.array, torch.Tensor.numpy
    with pytest.raises(KeyboardInterrupt), hearing(Ear()):
        raise KeyboardInterrupt
    assert (numpy.asarray, numpy.array, torch.Tensor.numpy) == before
    assert "numpy" not in vars(torch.Tensor)


def test_the_share_is_that_of_the_values_that_wrapped():
    rows = numpy.tile(numpy.array([100, 100, 100, 200], numpy.uint8), (8, 4))
    found = wrapped(running(Rows(rows, lambda row: torch.from_numpy(row * 2))), [], draws=1, box=Box(5))
    assert [(w.share, w.dtype) for w in found] == [(0.25, "uint8")]
    assert rows.max() == 200


# -- markers ----------------------------------------------------------------------------------------------------------


def test_the_marker_is_unlike_all_its_mirrors_and_turns():
    drawn = pattern(32, 32).astype(float)
    assert max(agreement(drawn, move(drawn)) for move in DIHEDRAL.values()) < 0.5
    assert [turn([move(drawn)], [drawn]) != "" for move in DIHEDRAL.values()] == [True] * 7


def test_a_marker_keeps_the_shape_and_the_values_of_a_mask():
    mask = numpy.zeros((20, 30), numpy.uint8)
    mask[5:9] = 7
    assert marked(mask, 0.0).shape == (20, 30)
    assert set(numpy.unique(marked(mask, 0.0))) == {0, 7}
    assert marked(torch.zeros(3, 16, 16), 0.0).shape == (3, 16, 16)
    assert marked("a caption", 0.0) is None and marked(3, 0.0) is None and marked(numpy.zeros(5), 0.0) is None


def test_a_dataset_that_remembers_is_lent_no_markers():
    class Remembers(Rows):
        @functools.lru_cache  # noqa: B019
        def load(self, index):
            return self.rows[index]

        def __getitem__(self, index):
            return self.load(index), self.load(index)[0]

    data = Remembers(torch.rand(8, 1, 16, 16))
    assert running(data).cached() == "load"
    assert apart_look(running(data), [], Box(5)) is None
    report = nbdebug.loader_audit(DataLoader(data, 4), speed=False)
    assert "load() remembers" in str(next(v.reason for v in report.verdicts if v.code == "ND111"))


# -- transforms -------------------------------------------------------------------------------------------------------


def test_the_steps_of_a_compose_are_found_through_a_subset():
    class Compose:
        def __init__(self, *steps):
            self.transforms = list(steps)

        def __call__(self, value):
            for step in self.transforms:
                value = step(value)
            return value

    data = Subset(Rows(torch.rand(8, 12), Compose(torch.neg, torch.abs)), range(4))
    assert [spot.name for spot in spots_of(data)] == ["transform", "transform[0] neg", "transform[1] abs"]
    with spied(spots_of(data), Notes()) as notes:
        data[0]
    assert [call.spot.name for call in notes.calls] == ["transform[0] neg", "transform[1] abs", "transform"]
    assert data.dataset.transform.transforms == [torch.neg, torch.abs]


def test_a_spy_passes_for_what_it_stands_in_for():
    class Scale:
        factor = 3

        def __call__(self, value):
            return value * self.factor

    data = Rows(torch.ones(2, 9), Scale())
    with spied(spots_of(data), Notes()) as notes:
        assert isinstance(data.transform, Scale) and data.transform.factor == 3 and bool(data.transform)
        assert type(data.transform) is Spy and float(data[0][0].sum()) == 27
    assert type(data.transform) is Scale and len(notes.calls) == 1


def test_a_method_that_is_spied_on_is_a_method_again():
    class Augmenting(Rows):
        def augment(self, row):
            return row + 1

        def __getitem__(self, index):
            return self.augment(self.rows[index])

    data = Augmenting(torch.zeros(2, 9))
    with pytest.raises(KeyboardInterrupt), spied(spots_of(data), Notes()):
        assert float(data[0].sum()) == 9
        raise KeyboardInterrupt
    assert "augment" not in vars(data)


def test_a_reshape_is_told_from_a_permute():
    rows = torch.rand(6, 8, 9, 3).numpy()
    transforms = (lambda x: x.reshape(3, 8, 9), ["scrambled"]), (lambda x: x.transpose(2, 0, 1), []), (lambda x: x.reshape(-1), [])
    for transform, kinds in transforms:
        asked = running(Rows(rows, transform))
        assert [t.kind for t in troubles(passages(asked, spots_of(asked.dataset), draws=1, box=Box(5)))] == kinds


def test_a_dataset_of_one_sample_and_one_of_none():
    for rows in (torch.rand(1, 12), torch.rand(0, 12)):
        report = nbdebug.loader_audit(DataLoader(Rows(rows), 4), speed=False)
        assert [f for f in report.findings if f.severity is not INFO] == []


# -- workers ----------------------------------------------------------------------------------------------------------


def noisy(generator):
    return Rows(torch.zeros(8, 4), lambda row: row + float(generator.random()), generator=generator)


def look_of(asked):
    again = repeated(asked, passages(asked, spots_of(asked.dataset), draws=2, box=Box(5)), Box(5))
    return worker_look(asked, again, Box(5))


def test_a_generator_in_the_dataset_repeats_and_is_not_moved():
    generator = random.Random(0)
    state = generator.getstate()
    look = look_of(running(noisy(generator), num_workers=2))
    assert (look.same_in_workers, look.same_in_epochs) == (True, True)
    assert generator.getstate() == state


def test_one_worker_can_repeat_only_its_epochs():
    look = look_of(running(noisy(random.Random(0)), num_workers=1))
    assert (look.same_in_workers, look.same_in_epochs) == (False, True)


def test_no_process_and_no_signal_handler_is_left():
    handler = signal.getsignal(signal.SIGCHLD)
    asked = running(noisy(random.Random(0)), num_workers=2, persistent_workers=True)
    with pytest.raises(KeyboardInterrupt), twin(asked, workers=2) as loader:
        next(iter(loader))
        raise KeyboardInterrupt
    assert multiprocessing.active_children() == []
    assert signal.getsignal(signal.SIGCHLD) is handler
    assert asked.loader._iterator is None


class Dies(IterableDataset):
    def __iter__(self):
        import os

        os._exit(3)
        yield 0


def test_a_worker_that_dies_is_said():
    with pytest.raises(WorkersFailed, match="died"):
        worker_look(Running(DataLoader(Dies(), 2, num_workers=2), "train_loader", samples=2, brief=True), None, Box(5))


def test_spawned_workers_are_not_started_in_a_checkup():
    asked = running(noisy(random.Random(0)), brief=True, num_workers=2, multiprocessing_context="spawn")
    with pytest.raises(WorkersFailed, match="spawned"):
        look_of(asked)


@pytest.mark.parametrize("reading", [3, 9, 20, 40])
def test_an_interrupt_leaves_no_trace(reading):
    class Interrupted(Rows):
        reads = 0

        def augment(self, row):
            return row * 2

        def __getitem__(self, index):
            Interrupted.reads += 1
            if Interrupted.reads == reading:
                raise KeyboardInterrupt
            return self.augment(self.transform(self.rows[index])), self.masks[index]

    generator = numpy.random.default_rng(0)
    pictures = torch.randint(0, 255, (8, 3, 16, 16)).byte().numpy()
    data = Interrupted(pictures, lambda row: row + generator.normal(), masks=pictures[:, 0] > 100, generator=generator)
    held, state, readers = dict(vars(data)), generator.bit_generator.state, (numpy.asarray, torch.Tensor.numpy)
    with pytest.raises(KeyboardInterrupt):
        nbdebug.loader_audit(DataLoader(data, 4, num_workers=0), speed=False)
    assert list(vars(data)) == list(held) and all(vars(data)[name] is value for name, value in held.items())
    assert generator.bit_generator.state == state
    assert (numpy.asarray, torch.Tensor.numpy) == readers


# -- the clock --------------------------------------------------------------------------------------------------------


def test_batches_that_were_ready_with_the_first_are_not_counted():
    assert _steady([1.0, 2.0, 3.0], 0) == 1.0
    assert _steady([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], 2) == 0.5  # two workers, a second each
    assert _steady([1.0, 1.0], 4) == 0.5


def test_the_dearest_transform_is_named_first():
    def dear(row):
        return row + 0 * sum(range(20_000))

    costs = costs_of(running(Rows(torch.rand(8, 12), dear)), 0.2)
    assert costs[0].part == "transform" and costs[0].share > 0.5
    assert abs(sum(cost.share for cost in costs) - 1) < 1e-9


def slow(kind):
    """A transform of some 1 ms in pure Python, and the data it gets."""

    def transform(row):
        return row + 0 * sum(range(30_000))

    rows = {"table": torch.rand(64, 12), "image": torch.rand(64, 3, 16, 16), "tokens": torch.randint(0, 9, (64, 20))}[kind]
    return Rows(rows, transform)


class FlatHead(torch.nn.Module):
    def __init__(self, rows):
        super().__init__()
        self.head = torch.nn.Linear(rows[0].numel(), 2)

    def forward(self, rows):
        return self.head(rows.flatten(1).float())


def timed(data, **options):
    model = FlatHead(data.rows)
    loader = DataLoader(data, 16, shuffle=True)
    setup = nbdebug.TrainingSetup(model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    return nbdebug.loader_audit(setup, samples=2, budget="3 s", **options)


@pytest.mark.parametrize("kind", ["table", "image", "tokens"])
def test_a_dear_transform_starves_a_small_model(kind):
    found = {f.code: f for f in timed(slow(kind)).findings if f.severity is not INFO}
    assert set(found) == {"ND810"}
    assert "transform takes" in found["ND810"].message


@pytest.mark.parametrize(
    "data",
    [
        Rows(torch.rand(64, 12)),  # nothing to be made faster
        Rows(torch.rand(64, 12), lambda row: row * 2),  # takes all of a sample's time, and little of it
        Rows(torch.rand(64, 3, 16, 16), torch.sigmoid),
    ],
)
def test_a_small_model_that_is_fed_quickly_does_not_starve(data):
    assert [f for f in timed(data).findings if f.severity is not INFO] == []


def test_tuning_measures_every_number_of_workers_and_gives_a_call_only_for_what_is_faster():
    result = timed(slow("table"), tune=True).result
    assert {trial.num_workers for trial in result.speed.others} >= {1}
    assert (result.call == "") == (result.speed.best is None)
    assert result.call == "" or result.call.startswith("DataLoader(dataset, batch_size=16, shuffle=True, num_workers=")


def test_no_checkup_measures_speed():
    model, loader = FlatHead(slow("table").rows), DataLoader(slow("table"), 16)
    setup = nbdebug.TrainingSetup(model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    report = nbdebug.loader_audit(setup, **nbdebug.loader_audit.briefly)
    assert report.result.speed is None
    assert "not in a checkup" in next(v.reason for v in report.verdicts if v.code == "ND810")


def test_the_users_iterator_does_not_move():
    loader = DataLoader(Rows(torch.arange(12.0).view(12, 1)), 2)
    iterator = iter(loader)
    next(iterator)
    measured = trial(Running(loader, "train_loader", samples=2, brief=False), 0.1)
    assert measured.batches == 6 and measured.samples_per_second > 0
    assert next(iterator)[0].tolist() == [[2.0], [3.0]]


def test_what_can_be_read_only_once_is_refused():
    with pytest.raises(nbdebug.SetupError, match="only once"):
        nbdebug.loader_audit(iter([(torch.zeros(2, 3), torch.zeros(2))]))


def test_a_list_of_batches_says_why_nothing_can_be_asked():
    report = nbdebug.loader_audit([(torch.zeros(2, 3), torch.zeros(2))], speed=False)
    assert "no DataLoader" in next(v.reason for v in report.verdicts if v.code == "ND110")

"""The loader as it runs: what can be derived on paper, and what must be gone afterwards."""

from __future__ import annotations

import collections.abc
import copy
import functools
import importlib
import inspect
import multiprocessing
import pickle
import random
import signal
from dataclasses import replace

import numpy
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

import nbdebug
from nbdebug.data.running import Box, Running, asked, box, clock, costs, spying, trials, workers
from nbdebug.data.running import twin as twins
from nbdebug.data.running.again import repeated
from nbdebug.data.running.apart import apart_look
from nbdebug.data.running.costs import costs_of
from nbdebug.data.running.hearing import hearing
from nbdebug.data.running.marker import DIHEDRAL, agreement, marked, pattern, turn
from nbdebug.data.running.overflow import Ear
from nbdebug.data.running.overwriting import overwritten
from nbdebug.data.running.passing import passages, troubles
from nbdebug.data.running.spots import spots_of
from nbdebug.data.running.spying import Notes, Spy, spied
from nbdebug.data.running.trials import _steady, trial
from nbdebug.data.running.twin import WorkersFailed, twin
from nbdebug.data.running.watched_arrays import watched_values
from nbdebug.data.running.workers import worker_look
from nbdebug.data.running.wrapping import wrapped
from nbdebug.findings import INFO

MEASURE = importlib.import_module("nbdebug.instruments.loader_audit.measure")  # its package is hidden by the instrument

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
    found, _, listened = wrapped(running(Rows(rows, lambda row: torch.from_numpy(row * 2))), [], draws=1, box=Box(5))
    assert listened == 8
    assert [(w.share, w.dtype) for w in found] == [(0.25, "uint8")]
    assert rows.max() == 200


TABLE = numpy.full((12, 9), 200, numpy.uint8)


def doubled(row):
    return torch.from_numpy(row * 2).float()


class OfTheFile(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return doubled(TABLE[index]), index % 2


class OfTheClass(OfTheFile):
    pixels = TABLE

    def __getitem__(self, index):
        return doubled(self.pixels[index]), index % 2


class OfAnAttribute(OfTheFile):
    def __init__(self, held):
        self.held = held

    def __getitem__(self, index):
        return doubled((self.held["rows"] if isinstance(self.held, dict) else self.held)[index]), index % 2


class OfAClosure(OfTheFile):
    def __init__(self, get):
        self.get = get

    def __getitem__(self, index):
        return doubled(self.get(index)), index % 2


def closing_over(rows):
    return OfAClosure(lambda index: rows[index])


@pytest.mark.parametrize(
    "data", [OfTheFile(), OfTheClass(), OfAnAttribute(TABLE), OfAnAttribute({"rows": TABLE}), OfAnAttribute(list(TABLE)), closing_over(TABLE)]
)
def test_arrays_are_heard_wherever_the_dataset_has_them_and_however_many_rows(data):
    held, rows, own = TABLE, OfTheClass.pixels, dict(vars(data))
    for source in (data, DataLoader(data, 4)):
        report = nbdebug.loader_audit(source, speed=False)
        assert [f.code for f in report.findings if f.severity is not INFO] == ["ND111"]
        assert "200 * 2 is 400" in report.findings[0].message
    assert TABLE is held and OfTheClass.pixels is rows and type(TABLE) is numpy.ndarray
    assert list(vars(data)) == list(own) and all(vars(data)[name] is value for name, value in own.items())
    if isinstance(data, OfAClosure):
        assert data.get.__closure__[0].cell_contents is TABLE


def test_arrays_that_nobody_can_listen_to_are_said():
    class InATuple(OfTheFile):
        def __init__(self):
            self.parts = (TABLE,)

        def __getitem__(self, index):
            return doubled(self.parts[0][index]), index % 2

    report = nbdebug.loader_audit(DataLoader(InATuple(), 4), speed=False)
    assert "integers in parts" in next(v.reason for v in report.verdicts if v.code == "ND111")


# -- samples that overwrite one another ---------------------------------------------------------------------------------


class Buffered(Rows):
    """Copies each row into the same memory."""

    def __init__(self, rows, buffer, **attributes):
        super().__init__(rows, buffer=buffer, **attributes)

    def __getitem__(self, index):
        self.buffer[...] = self.rows[index]
        return self.buffer, index % 2


@pytest.mark.parametrize("shape", [(3,), (3, 200, 200)])
@pytest.mark.parametrize("kind", [torch.as_tensor, numpy.asarray])
def test_a_buffer_is_told_and_is_afterwards_what_it_was(shape, kind):
    data = Buffered(kind(numpy.random.default_rng(0).random((12, *shape), numpy.float32)), kind(numpy.zeros(shape, numpy.float32)))
    version = getattr(data.buffer, "_version", 0)
    report = nbdebug.loader_audit(DataLoader(data, 4))
    assert [f.code for f in report.findings if f.severity is not INFO] == ["ND110"]
    assert "overwrite one another" in report.findings[0].message
    assert "CHANGED" not in repr(report)
    assert float(data.buffer.sum()) == 0 and getattr(data.buffer, "_version", 0) == version


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": None}])
def test_a_buffer_may_be_used_again_where_no_samples_are_put_together(options):
    report = nbdebug.loader_audit(DataLoader(Buffered(torch.rand(12, 9), torch.zeros(9)), **options), speed=False)
    assert [f for f in report.findings if f.severity is not INFO] == []


def test_what_all_samples_share_or_count_is_not_overwritten():
    class Shares(Rows):
        def __getitem__(self, index):
            self.reads += 1
            return {"x": self.rows[index], "grid": self.grid, "reads": self.reads, "y": index % 2}

    data = Shares(torch.rand(12, 9), grid=torch.linspace(0, 1, 9), reads=torch.zeros(2))
    assert overwritten(running(data)) is None


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
        assert issubclass(type(data.transform), Spy) and float(data[0][0].sum()) == 27
    assert type(data.transform) is Scale and len(notes.calls) == 1


def double(row):
    return row * 2


class Counted:
    def __init__(self, steps):
        self.transforms = steps

    def __len__(self):
        return len(self.transforms)

    def __call__(self, row):
        return row

    def __eq__(self, other):
        return isinstance(other, Counted) and other.transforms == self.transforms

    __hash__ = None


@pytest.mark.parametrize("original", [double, functools.partial(double), Counted([double]), torch.nn.ReLU(), torch.nn.Sequential(torch.nn.ReLU())])
def test_a_spy_answers_as_the_original_does(original):
    data = Rows(torch.ones(2, 9), original)
    with spied(spots_of(data)[:1], Notes()) as notes:
        spy = data.transform
        assert issubclass(type(spy), Spy) and bool(spy) is True and isinstance(spy, type(original))
        assert hasattr(type(spy), "__len__") == hasattr(type(original), "__len__") and repr(spy) == repr(original)
        assert spy == original and spy == data.transform
        assert callable(spy) and inspect.signature(spy) == inspect.signature(original)
        assert isinstance(spy, collections.abc.Sized) == isinstance(original, collections.abc.Sized)
        assert isinstance(spy, collections.abc.Hashable) == isinstance(original, collections.abc.Hashable)
        again = pickle.loads(pickle.dumps(spy))
        assert not issubclass(type(again), Spy) and not issubclass(type(copy.deepcopy(spy)), Spy)
        data[0]
    assert len(notes.calls) == 1 and data.transform is original


def test_an_if_over_a_transform_is_no_error_of_the_users():
    class Falsy(Rows):
        def __getitem__(self, index):
            row = self.rows[index]
            if self.transform:
                row = self.transform(row)
            return row, 0

    report = nbdebug.loader_audit(DataLoader(Falsy(torch.rand(8, 9), double), 4), speed=False)
    assert [f.code for f in report.findings] == [] and report.result.train.not_as_it_is == ""


def test_what_raises_only_because_somebody_listens_is_not_told_as_the_users():
    class Picky(Rows):
        def __getitem__(self, index):
            if type(self.transform) is not type(double):
                raise TypeError("a function is wanted")
            return self.transform(self.rows[index]), 0

    report = nbdebug.loader_audit(DataLoader(Picky(torch.rand(8, 9), double), 4), speed=False)
    assert report.findings == ()
    assert report.result.train.repeated.read == 6  # without spies the rest goes on
    verdicts = {v.code: v for v in report.verdicts}
    assert verdicts["ND312"].state == "sound"
    assert "only while it was listened to: TypeError: a function is wanted" in verdicts["ND110"].reason
    assert verdicts["ND110"].state == verdicts["ND111"].state == "not checked"


def test_a_dataset_that_asks_which_transform_it_is_gets_no_blame():
    class Asks(Rows):
        def __getitem__(self, index):
            return (self.transform(self.rows[index]) if self.transform is double else self.rows[index] * 0), 0

    report = nbdebug.loader_audit(DataLoader(Asks(torch.rand(8, 9), double), 4), speed=False)
    assert report.findings == ()
    assert "comes out otherwise" in next(v.reason for v in report.verdicts if v.code == "ND110")


class Slotted:
    __slots__ = ("calls",)

    def __init__(self):
        self.calls = 0

    def __call__(self, row):
        self.calls += 1
        return row


def test_nothing_that_reading_counts_or_moves_is_left_so(tmp_path):
    class Counting(Rows):
        total = 0

        def __getitem__(self, index):
            type(self).total += 1
            self.reads += 1
            self.each[index] += 1
            self.seen[index] += 1
            self.log.append(index)
            self.file.read(1)
            return super().__getitem__(index)

    (tmp_path / "rows").write_bytes(bytes(10_000))
    with open(tmp_path / "rows", "rb") as file:
        file.seek(7)
        data = Counting(
            torch.rand(8, 9), Slotted(), reads=0, each=numpy.zeros(8, int), seen=torch.zeros(8), log=[], file=file
        )  # fmt: skip
        for options in ({"samples": 2, "speed": False}, {"budget": "1 s"}):
            nbdebug.loader_audit(DataLoader(data, 4), DataLoader(data, 4), **options)
            assert (Counting.total, data.reads, data.each.sum(), float(data.seen.sum()), data.log) == (0, 0, 0, 0, [])
            assert (data.transform.calls, file.tell()) == (0, 7)


def test_one_line_that_raises_for_many_samples_is_told_once():
    class Broken(Rows):
        def __getitem__(self, index):
            if index % 2:
                raise ValueError(f"sample {index} is broken")
            return self.rows[index], 0

    report = nbdebug.loader_audit(DataLoader(Broken(torch.rand(20, 9)), 4), speed=False, samples=20)
    assert [f.code for f in report.findings] == ["ND312"]
    assert report.findings[0].message == "dataset index 1 raised ValueError: sample 1 is broken, and 9 more raised there"


def test_nothing_is_called_sound_that_was_hardly_read(monkeypatch):
    data = Rows(torch.randint(0, 255, (64, 8, 8, 3)).byte().numpy())
    monkeypatch.setattr("nbdebug.data.running.look.wrapped", lambda *args, **options: wrapped(*args, **{**options, "box": Box(0)}))
    report = nbdebug.loader_audit(DataLoader(data, 4), speed=False)
    verdict = next(v for v in report.verdicts if v.code == "ND111")
    assert (verdict.state, verdict.reason) == ("not checked", "data: 1 of 6 samples could be read in the time there was")


def test_without_time_no_augmentation_is_called_sound():
    report = nbdebug.loader_audit(DataLoader(Rows(torch.rand(64, 9)), 4), speed=False, budget=0)
    assert {v.code: v.state for v in report.verdicts if v.code in ("ND110", "ND111")} == {"ND110": "not checked", "ND111": "not checked"}


def test_before_and_after_are_drawn_in_ranges_that_can_be_compared():
    rows = torch.arange(17.0).repeat(4, 12, 1).numpy().astype(numpy.uint8)  # 0..16 in bytes: nearly black
    rows[1] *= 15
    notes = {}
    for name, data in {"bytes": Rows(rows, lambda row: row / 255), "numbers": Rows(rows * 1.0, lambda row: row - 1)}.items():
        report = nbdebug.loader_audit(DataLoader(data, 4), speed=False, samples=3)
        notes[name] = [exhibit.note for exhibit in report.result.train.exhibits]
    assert notes["bytes"][0].endswith("0..16, drawn from 0 (black) to 255 (white)")
    assert len({note.rpartition("drawn")[2] for note in notes["numbers"][::2]}) == 1


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


def test_what_is_imported_with_the_first_sample_is_not_the_time_of_a_sample(clocked):
    class Lazy(Rows):
        def __getitem__(self, index):
            clocked.now += 0.001 if clocked.now > 0.5 else 0.9
            return super().__getitem__(index)

    asked_of = running(Lazy(torch.rand(8, 9)), brief=True, samples=2)
    assert asked_of.why_not == "" and asked_of.seconds == pytest.approx(0.001, rel=0.1)


def test_augmentation_by_the_global_states_needs_no_process_in_a_checkup(monkeypatch):
    monkeypatch.setattr(workers, "twin", None)
    asked_of = running(Rows(torch.rand(8, 9), lambda row: row + torch.randn(9)), brief=True, num_workers=2)
    assert look_of(asked_of) is None


# -- the clock --------------------------------------------------------------------------------------------------------


def test_batches_that_were_ready_with_the_first_are_not_counted():
    assert _steady([1.0, 2.0, 3.0], 0) == 1.0
    assert _steady([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], 2) == 0.5  # two workers, a second each
    assert _steady([1.0, 1.0], 4) == 0.5


def test_the_dearest_transform_is_named_first():
    def dear(row):
        return row + 0 * sum(range(20_000))

    costs = costs_of(running(Rows(torch.rand(8, 12), dear)), Box(0.2))
    assert costs[0].part == "transform" and costs[0].share > 0.5
    assert abs(sum(cost.share for cost in costs) - 1) < 1e-9


class Clock:
    """Time that passes only when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1e-6
        return self.now


@pytest.fixture
def clocked(monkeypatch):
    made = Clock()
    for module in (asked, box, clock, costs, spying, trials, twins):
        monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(MEASURE, "others", lambda *args, **options: iter(()))  # other processes, other clocks
    return made


class Long(Rows):
    """Few rows, and many samples of them."""

    def __len__(self):
        return 100 * len(self.rows)

    def __getitem__(self, index):
        return super().__getitem__(index % len(self.rows))


ROWS = {"table": torch.rand(64, 12), "image": torch.rand(64, 3, 16, 16), "tokens": torch.randint(0, 9, (64, 20))}


def taking(clock, seconds, kind="table", like=Long):
    """Rows of which each takes this time to transform."""

    def transform(row):
        clock.now += seconds
        return row

    return like(ROWS[kind], transform)


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
    return nbdebug.loader_audit(setup, **{"samples": 2, "budget": "3 s", **options})


@pytest.mark.parametrize("kind", ROWS)
def test_a_dear_transform_starves_a_small_model(kind, clocked):
    found = {f.code: f for f in timed(taking(clocked, 0.001, kind)).findings if f.severity is not INFO}
    assert set(found) == {"ND810"}
    assert "transform takes 100% of a sample's time" in found["ND810"].message
    assert "6.4 s of each epoch" in found["ND810"].message  # 6400 samples of 1 ms


def test_a_short_epoch_is_no_alarm(clocked):
    found = timed(taking(clocked, 0.001, like=Rows)).findings
    assert [(f.code, f.severity) for f in found] == [("ND810", INFO)]  # 64 ms


def speed_caption(report):
    return next(panel.caption for panel in report.result.panels() if panel.title.startswith("speed of"))


def test_the_panel_says_why_waiting_is_no_alarm(clocked):
    assert "no alarm" in speed_caption(timed(taking(clocked, 0.0002, like=Rows)))
    assert "s of each epoch" in speed_caption(timed(taking(clocked, 0.0002, like=Rows)))
    assert "no alarm" not in speed_caption(timed(taking(clocked, 0.001)))


@pytest.mark.parametrize("options", [{}, {"tune": True}, {"budget": "6 s"}, {"budget": "60 s", "tune": True}])
@pytest.mark.parametrize("size", [8, 64])
def test_dear_samples_keep_to_the_budget(size, options, clocked):
    data = taking(clocked, 0.3)
    started = clocked.now
    report = nbdebug.loader_audit(DataLoader(data, size), DataLoader(data, size), **options)
    assert clocked.now - started < float(options.get("budget", "20 s").split()[0]) + 0.35
    if report.result.speed is None:
        assert "could not be loaded" in next(v.reason for v in report.verdicts if v.code == "ND810")
        assert [panel.text for panel in report.result.panels() if panel.title == "speed: not measured"] == [report.result.why_no_speed]


class Hangs(Rows):
    def __getitem__(self, index):
        multiprocessing.Event().wait()


def test_workers_are_ended_when_their_time_is_over():
    asked_of = running(Rows(torch.rand(8, 9)))
    asked_of.loader = DataLoader(Hangs(torch.rand(8, 9)), 4)
    with twin(asked_of, workers=2) as loader:
        assert list(twins.delivered(loader, asked_of, box=Box(0.2))) == []
        assert multiprocessing.active_children() == []
    with pytest.raises(WorkersFailed, match="in the 0.2 s there were for it"):
        trial(asked_of, Box(0.2), num_workers=2)


def test_a_configuration_for_which_there_was_no_time_is_said():
    asked_of = running(Rows(torch.rand(8, 9)))
    asked_of.seconds = 10.0
    tried = list(trials.others(asked_of, Box(0.0), tune=True))
    assert tried and all("could not be loaded" in one for one in tried)


def test_a_configuration_measured_while_the_machine_was_busy_is_measured_again(clocked, monkeypatch):
    quick = trial(Running(DataLoader(taking(clocked, 0.0), 16), "train_loader", samples=2, brief=False), Box(1.0))
    clocked.now += 1
    monkeypatch.setattr(MEASURE, "others", lambda *args, **options: iter([replace(quick, num_workers=2)]))
    measured = iter([replace(quick, batch_seconds=0.5, spread=(0.5, 0.5)), quick])
    monkeypatch.setattr(MEASURE, "trial", lambda *args, **options: next(measured))
    assert [f for f in timed(taking(clocked, 0.0)).findings if f.severity is not INFO] == []


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
    result = timed(Long(ROWS["table"], lambda row: row + 0 * sum(range(3000))), tune=True, budget="3 s").result
    assert {trial.num_workers for trial in result.speed.others} >= {1}
    assert (result.call == "") == (result.speed.best is None)
    assert result.call == "" or result.call.startswith("DataLoader(dataset, batch_size=16, shuffle=True, num_workers=")


def test_no_checkup_measures_speed():
    model, loader = FlatHead(ROWS["table"]), DataLoader(Rows(ROWS["table"]), 16)
    setup = nbdebug.TrainingSetup(model, torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    report = nbdebug.loader_audit(setup, **nbdebug.loader_audit.briefly)
    assert report.result.speed is None
    assert "not in a checkup" in next(v.reason for v in report.verdicts if v.code == "ND810")


def test_the_users_iterator_does_not_move():
    loader = DataLoader(Rows(torch.arange(12.0).view(12, 1)), 2)
    iterator = iter(loader)
    next(iterator)
    measured = trial(Running(loader, "train_loader", samples=2, brief=False), Box(0.1))
    assert measured.batches == 6 and measured.samples_per_second > 0
    assert next(iterator)[0].tolist() == [[2.0], [3.0]]


def test_what_can_be_read_only_once_is_refused():
    with pytest.raises(nbdebug.SetupError, match="only once"):
        nbdebug.loader_audit(iter([(torch.zeros(2, 3), torch.zeros(2))]))


def test_a_list_of_batches_says_why_nothing_can_be_asked():
    report = nbdebug.loader_audit([(torch.zeros(2, 3), torch.zeros(2))], speed=False)
    assert "no DataLoader" in next(v.reason for v in report.verdicts if v.code == "ND110")


def test_samples_that_are_none_are_said_to_be() -> None:
    report = nbdebug.loader_audit(_Nothing())
    assert report.result is not None
    assert "its samples are None" in str(report)


class _Nothing(Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> None:
        return None

"""Batch sizes: what fits is measured, what would not is not tried, and out of memory is an answer."""

from __future__ import annotations

import sys
import weakref
from queue import SimpleQueue

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from nbdebug import SetupError, TrainingSetup
from nbdebug.instruments.batch_size import BatchSizes, batch_size
from nbdebug.instruments.batch_size.accumulation import accumulated
from nbdebug.instruments.batch_size.foresight import fitting, foreseen
from nbdebug.instruments.batch_size.limits import bytes_of_text, limit_of
from nbdebug.instruments.batch_size.rates import scaled
from nbdebug.instruments.batch_size.result import FITS, NOT_TRIED, OUT_OF_MEMORY, Size
from nbdebug.plain import from_plain, to_plain
from nbdebug.step_cost import Batches, peak_bytes
from tests.patients.parts import features, mlp, training

WIDE = 4096  # features: a sample of them takes 16 KiB, more than anything else of a small model


def taken_from(queue):
    """What was put into a queue, which nobody gives back as it was."""
    return [queue.get_nowait() for _ in range(queue.qsize())]


class Seen(nn.Module):
    """Tells the sizes that it was given."""

    def __init__(self, sizes, most=None, error=None):
        super().__init__()
        self.sizes, self.most, self.error = sizes, most, error
        self.layer = nn.Linear(64, 10)

    def forward(self, inputs):
        self.sizes.put(len(inputs))
        if self.most is not None and len(inputs) > self.most:
            self.error()
        return self.layer(inputs)


def short_of_memory():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def too_large():
    torch.empty(1 << 46, dtype=torch.uint8)


def wide(samples=512, width=WIDE):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, width), nn.Tanh(), nn.Linear(width, 2))
    data = TensorDataset(torch.randn(samples, 8), torch.randint(0, 2, (samples,)))
    return TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), DataLoader(data, 16))


def by_size(report):
    return {size.samples: size for size in report.result.sizes}


# -- memory -----------------------------------------------------------------------------------------------------------


def test_a_peak_is_what_was_held_at_once():
    def run():
        one = torch.empty(1000, dtype=torch.uint8)
        two = torch.empty(500, dtype=torch.uint8)
        del one, two
        return torch.empty(200, dtype=torch.uint8)

    assert peak_bytes(run, torch.device("cpu")) == 1500


def test_memory_of_a_step_grows_with_the_activations():
    report = batch_size(wide(), largest=128, memory="1 GB", budget=20)
    sizes = by_size(report)
    grown = sizes[128].needed - sizes[64].needed
    assert grown == pytest.approx(64 * WIDE * 4 * 3, rel=0.02)  # float32: what tanh gave, its gradient, and that before it
    assert report.result.held == sum(p.nbytes for p in wide().model.parameters())


def test_what_would_exceed_the_limit_is_never_tried():
    sizes = SimpleQueue()
    setup = wide()
    setup.model.register_forward_pre_hook(lambda module, args: sizes.put(len(args[0])))
    report = batch_size(setup, memory="6 MB", budget=20)
    result = report.result
    assert result.largest.needed <= 0.9 * 6e6 and result.bounded
    refused = [size for size in result.sizes if size.outcome == NOT_TRIED]
    assert refused and refused[0].needed > 6e6 and refused[0].predicted
    assert 0 < max(taken_from(sizes)) < refused[0].samples
    assert result.largest.needed > 0.6 * 6e6  # and it comes near the limit


def test_weights_that_alone_exceed_the_limit_leave_nothing_to_try():
    sizes = SimpleQueue()
    report = batch_size(training(Seen(sizes)), memory="1 KB")
    assert taken_from(sizes) == [] and [size.outcome for size in report.result.sizes] == [NOT_TRIED] and report.result.largest is None


@pytest.mark.parametrize("error", [short_of_memory, too_large])
def test_out_of_memory_is_an_answer(error):
    setup = training(Seen(SimpleQueue(), 100, error))
    report = batch_size(setup, budget=20)
    found = by_size(report)
    assert [size.samples for size in found.values() if size.outcome == OUT_OF_MEMORY][-1] == 128
    assert 64 <= max(n for n, size in found.items() if size.needed) <= 100
    assert report.proof.changes == () and report.stopped == ""
    assert all(p.grad is None for p in setup.model.parameters())


def test_memory_that_ran_out_is_not_held_by_the_error():
    held = SimpleQueue()

    class Hungry(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, inputs):
            if len(inputs) > 32:
                large = torch.empty(100)
                held.put(weakref.ref(large))
                short_of_memory()
            return self.layer(inputs)

    batch_size(training(Hungry()), largest=128, budget=20)
    references = taken_from(held)
    assert references and all(reference() is None for reference in references)


def test_a_size_that_raises_otherwise_is_said():
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Linear(32, 10))
    report = batch_size(training(model), largest=32, budget=20)
    assert by_size(report)[1].why.count("more than 1 value per channel") == 1
    notes = " ".join(report.result.notes)
    assert "a batch of 1 raised" in notes and "Wu & He 2018" in notes


@pytest.mark.parametrize(
    ("text", "wanted"), [("2 GB", 2e9), ("512 MiB", 512 * 2**20), (1e6, 1e6), ("1.5kb", 1500), (1000, 1000), ("2000000000.0", 2e9)]
)
def test_sizes_of_memory_are_read(text, wanted):
    assert bytes_of_text(text) == wanted


@pytest.mark.parametrize("text", ["much", "-3 GB", 0, "2 parsecs", True])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(SetupError, match="memory must be a size"):
        bytes_of_text(text)


def test_the_default_limit_is_half_of_what_is_free(monkeypatch):
    monkeypatch.setattr(sys.modules[limit_of.__module__], "available", lambda: 8e9)
    assert limit_of(None, torch.device("cpu"), 1e9) == (5e9, "50% of the memory that is free now, and what this training holds; memory= says another")


# -- foresight --------------------------------------------------------------------------------------------------------


def test_a_line_is_foreseen_as_a_line():
    assert foreseen({1: 110.0, 2: 120.0, 4: 140.0}, 8, 100) == pytest.approx(180)


def test_what_grows_with_the_square_is_foreseen_so():
    square = {n: 100.0 + n * n for n in (2, 4, 8)}
    assert foreseen(square, 16, 100) == pytest.approx(100 + 256)


def test_from_one_size_the_worst_is_taken():
    assert foreseen({1: 110.0}, 2, 100) == 140
    assert foreseen({}, 2, 100) is None


def test_where_the_limit_is_met():
    assert fitting({4: 140.0, 8: 180.0}, 200) == 10
    assert fitting({4: 140.0, 8: 180.0, 16: 260.0}, 200) == 10
    assert fitting({4: 140.0, 8: 140.0}, 200) is None


# -- seconds ----------------------------------------------------------------------------------------------------------


def size(samples, seconds, outcome=FITS, spread=0.01):
    return Size(samples, outcome, samples * 100.0, False, seconds, seconds * (1 - spread), seconds * (1 + spread), 9)


def test_the_fastest_and_the_smallest_that_is_nearly_so():
    result = BatchSizes(sizes=(size(8, 1.0), size(16, 1.1), size(32, 2.15), size(64, 4.3, "fits, without a margin")))
    assert (result.fastest.samples, result.enough.samples, result.largest.samples) == (32, 16, 32)


# -- batches of other sizes -------------------------------------------------------------------------------------------


class Words(Dataset):
    """Sentences of unequal length."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return torch.ones(index + 1, dtype=torch.long), index % 3


def padded(samples):
    longest = max(len(words) for words, _ in samples)
    return torch.stack([F.pad(words, (0, longest - len(words))) for words, _ in samples]), torch.tensor([y for _, y in samples])


def test_other_sizes_are_collated_anew():
    batches = Batches(DataLoader(Words(), 4, collate_fn=padded))
    assert (batches.own, batches.total) == (4, 40)
    assert batches.make(2)[0].shape == (2, 2)  # the first two sentences: one word and two
    assert batches.make(10)[0].shape == (10, 10)


def test_more_samples_than_there_are_are_repeated():
    batches = Batches(DataLoader(Words(), 4, collate_fn=padded))
    assert batches.make(100)[0].shape == (100, 40)


def test_without_a_dataset_a_batch_is_cut_and_repeated():
    inputs, targets = features(8)
    batches = Batches([{"x": inputs, "labels": targets, "names": list("abcdefgh")}])
    assert batches.make(3)["names"] == ["a", "b", "c"]
    longer = batches.make(20)
    assert torch.equal(longer["x"][8:16], inputs) and len(longer["labels"]) == 20


def test_samples_that_cannot_be_told_apart_leave_no_other_size():
    with pytest.raises(SetupError, match="cannot be told apart"):
        batch_size(training(mlp(), train_loader=[(torch.randn(5, 8, 64), torch.zeros(8, dtype=torch.long))]))


# -- what follows -----------------------------------------------------------------------------------------------------


def test_sgd_scales_with_the_batch_and_adam_with_its_root():
    model = mlp()
    sgd = training(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    (rate,) = scaled(sgd, 32, (128,))
    assert (rate.rule, rate.then) == ("linear", pytest.approx(0.4))
    adam = training(model, optimizer=torch.optim.Adam(model.parameters(), lr=0.001))
    (rate,) = scaled(adam, 32, (128,))
    assert (rate.rule, rate.then) == ("square root", pytest.approx(0.002))
    assert rate.others == "betas=(0.6, 0.996), eps=5.00e-09"
    assert "torch.optim.Adam(model.parameters(), lr=0.002, betas=(0.6, 0.996)" in rate.call


def test_betas_that_would_become_negative_are_left_out():
    model = mlp()
    (rate,) = scaled(training(model, optimizer=torch.optim.Adam(model.parameters())), 1, (64,))
    assert "betas" not in rate.others and "ends before this size" in rate.call


def test_an_optimizer_without_a_rule_gets_none():
    model = mlp()
    (rate,) = scaled(training(model, optimizer=torch.optim.Adagrad(model.parameters())), 8, (16,))
    assert (rate.rule, rate.then) == ("none known", None)


def test_a_wanted_batch_is_made_of_parts_that_fit():
    made = accumulated(training(mlp()), 100, largest=48, part=32)
    assert (made.samples, made.steps, made.left_over) == (25, 4, 0)
    assert accumulated(training(mlp()), 40, largest=48, part=32).steps == 1


def test_the_code_to_accumulate_does_what_one_large_batch_does():
    torch.manual_seed(0)
    inputs, targets = features(24)
    model, loss_fn = mlp(), nn.CrossEntropyLoss()
    made = accumulated(training(model), 24, largest=8, part=8)
    loader_line = next(line for line in made.code.splitlines() if line.startswith("train_loader"))
    code = made.code.replace(loader_line, "")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    twin = torch.nn.Sequential(*[type(m)(m.in_features, m.out_features) if isinstance(m, nn.Linear) else m for m in model])
    twin.load_state_dict(model.state_dict())
    exec(code, {"model": model, "loss_fn": loss_fn, "optimizer": optimizer, "train_loader": list(zip(inputs.split(8), targets.split(8), strict=True))})
    whole = torch.optim.SGD(twin.parameters(), lr=0.1)
    loss_fn(twin(inputs), targets).backward()
    whole.step()
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize(("precision", "said"), [("bf16-mixed", "torch.bfloat16"), ("16-mixed", "scaler.scale(loss)")])
def test_the_code_to_accumulate_speaks_of_the_precision(precision, said):
    scaler = torch.amp.GradScaler("cpu") if precision == "16-mixed" else None
    assert said in accumulated(training(mlp(), precision=precision, scaler=scaler), 100, largest=10, part=10).code


# -- the whole --------------------------------------------------------------------------------------------------------


def test_a_report_with_everything():
    setup = wide(samples=200)
    report = batch_size(setup, wanted=400, memory="8 MB", budget=20)
    result = report.result
    assert result.own == 16 and result.accumulated.steps > 1 and result.rates
    titles = [panel.title for panel in result.panels()]
    assert titles[:2] == ["which batch?", "sizes"] and "memory by batch size" in titles
    assert from_plain(BatchSizes, to_plain(result)) == result
    assert report.proof.changes == ()
    assert setup.optimizer.param_groups[0]["lr"] == 0.1


def test_a_budget_is_kept_to():
    report = batch_size(training(mlp()), budget=0.01)
    assert "no time" in report.result.ended and len(report.result.sizes) < 4


def test_the_samples_there_are_end_the_row():
    report = batch_size(training(mlp(), train_loader=DataLoader(TensorDataset(*features(20)), 8)), budget=20)
    assert max(by_size(report)) == 20 and "no more than 20 samples" in report.result.ended and not report.result.bounded


def test_another_profiler_is_left_running():
    with torch.profiler.profile() as mine:
        with pytest.raises(SetupError, match="another profiler is running"):
            batch_size(training(mlp()))
        torch.ones(3).cos()
    assert "aten::cos" in {event.name for event in mine.events()}


def test_bad_options_are_refused():
    for options in ({"wanted": 0}, {"largest": -1}, {"memory": "none"}):
        with pytest.raises(SetupError):
            batch_size(training(mlp()), **options)


def test_a_loss_without_a_graph_is_told():
    report = batch_size(training(mlp(), loss_fn=lambda o, t: F.cross_entropy(o.detach(), t)))
    assert "no backward pass to measure" in report.stopped and report.proof.changes == ()


def test_lbfgs_is_measured_without_its_update():
    model = mlp()
    report = batch_size(training(model, optimizer=torch.optim.LBFGS(model.parameters())), largest=8, budget=20)
    assert by_size(report)[8].rate and "needs a closure" in report.result.notes[0]


def test_an_iterable_dataset_gives_rows_of_its_batch():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(list(zip(*features(16), strict=True)))

    report = batch_size(training(mlp(), train_loader=DataLoader(Stream(), 4)), largest=16, budget=20)
    assert set(by_size(report)) == {1, 2, 4, 8, 16} and "cut or repeated" in report.result.how


def test_an_interrupt_keeps_what_was_measured():
    class Impatient(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(64, 10)

        def forward(self, inputs):
            if len(inputs) == 8:
                raise KeyboardInterrupt
            return self.layer(inputs)

    with pytest.raises(KeyboardInterrupt) as caught:
        batch_size(training(Impatient()), budget=20)
    report = caught.value.report
    assert set(by_size(report)) == {1, 2, 4} and report.proof.changes == ()

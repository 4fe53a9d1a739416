"""The data look: its patients, its numbers, and the batches and loaders that must not trip it."""

from __future__ import annotations

import dataclasses
import itertools
import linecache
import math
import statistics
import sys
from collections import UserDict

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from nbdebug import TrainingSetup
from nbdebug.data.classes.order import label_order, same_label_pairs
from nbdebug.errors import BatchError, SetupError
from nbdebug.findings import Severity
from nbdebug.instruments.data_audit import data_audit
from nbdebug.instruments.data_audit.eye.columns import ColumnTally
from nbdebug.instruments.report import Report
from nbdebug.page import Gallery, Histogram, Note, Picture, Table
from tests import patients
from tests.patients import data
from tests.patients.parts import features, images, loader, mlp, tokens, training

OWN = [p for p in patients.SICK + patients.SOUND if p.name.split(",")[0] in vars(data)]


def alarms(report):
    return {f.code for f in report.findings if f.severity is not Severity.INFO}


def state(report, code):
    return next(v for v in report.verdicts if v.code == code)


@pytest.mark.parametrize("patient", OWN, ids=lambda p: p.name)
def test_each_patient_gets_its_codes_and_the_place(patient):
    report = data_audit(patient.build())
    assert alarms(report) == patient.codes, [str(f) for f in report.findings]
    assert not patient.where or any(patient.where in str(f.location) for f in report.findings if f.code in patient.codes)
    assert Report.from_dict(report.to_dict()) == report


# -- the numbers ------------------------------------------------------------------------------------------------


def test_statistics_over_batches_are_those_of_the_whole_table():
    table = torch.tensor([[1.0, 1.6e9], [2.0, 1.6e9 + 1], [4.0, 1.6e9 + 2], [5.0, 1.6e9 + 3]], dtype=torch.float64)
    tally = ColumnTally(table[:2], 1, "column")
    tally.add(table[:2])
    tally.add(table[2:])
    first, stamp = tally.columns()
    assert (first.mean, first.std, first.low, first.high) == (3.0, math.sqrt(2.5), 1.0, 5.0)
    assert stamp.std == pytest.approx(math.sqrt(1.25))  # a time stamp keeps its digits


def test_values_that_are_not_finite_do_not_enter_the_statistics():
    values = torch.tensor([[1.0], [float("nan")], [3.0], [float("inf")]])
    tally = ColumnTally(values, 1, "column")
    tally.add(values)
    assert (tally.columns()[0].mean, tally.columns()[0].high) == (2.0, 3.0)


def test_the_moments_of_a_random_order_are_those_of_all_orders():
    labels, groups = [0, 0, 0, 1, 1, 2], [3, 2, 1]
    counted = []
    for order in itertools.permutations(labels):
        parts = [order[:3], order[3:5], order[5:]]
        counted.append(sum(a == b for part in parts for a, b in itertools.combinations(part, 2)))
    mean, deviation = same_label_pairs([3, 2, 1], groups)
    assert mean == pytest.approx(statistics.mean(counted))
    assert deviation == pytest.approx(statistics.pstdev(counted))


def test_sorted_labels_reach_what_sorting_gives():
    labels = torch.arange(10).repeat_interleave(32)
    order = label_order(labels, torch.arange(320) // 32)
    assert order.delivered == order.sorted == 1.0
    assert order.random == pytest.approx(31 / 319)  # 31 of the other 319 samples share the label
    assert order.z > 50


def test_batches_of_one_sample_are_judged_together_with_their_neighbours():
    labels = torch.arange(10).repeat_interleave(32)
    assert label_order(labels, torch.arange(320)).delivered == 1.0


@pytest.mark.parametrize("labels", [torch.zeros(64), torch.arange(64), torch.zeros(1)], ids=["one label", "all differ", "one"])
def test_order_is_no_question_where_it_cannot_matter(labels):
    assert label_order(labels, torch.arange(len(labels)) // 16) is None


def test_labels_are_counted_as_delivered():
    labels = torch.tensor([0] * 30 + [1] * 60 + [2] * 6)
    report = data_audit(training(mlp(outputs=3), data=(features(96)[0], labels)))
    ((_, found),) = report.result.labels()
    assert found.counts == ((0.0, 30), (1.0, 60), (2.0, 6))
    (told,) = [f for f in report.findings if f.code == "ND107"]
    assert (told.severity, told.evidence["ratio"]) == (Severity.INFO, 10.0)


def test_a_missing_class_is_worth_knowing_and_no_alarm():
    inputs, targets = features(512)
    report = data_audit(training(mlp(outputs=11), data=(inputs, targets)))
    (told,) = [f for f in report.findings if f.code == "ND103"]
    assert told.severity is Severity.INFO and "class 10 never occurs" in told.message


def test_labels_from_one_are_told_with_the_mend():
    inputs, targets = features()
    (told,) = [f for f in data_audit(training(mlp(), data=(inputs, targets + 1))).findings if f.code == "ND103"]
    assert "run 1..10" in told.message and "10 outputs (0..9)" in told.message and "subtract 1" in told.advice
    assert told.evidence["outside"] == int((targets == 9).sum())


def test_columns_are_compared_as_the_first_layer_weighs_them():
    """Weights that make up for a wide column are sound; this is measured, not guessed from the column alone."""
    inputs, targets = features(columns=16)
    inputs[:, 2] *= 20_000.0
    model = mlp(16)
    with torch.no_grad():
        model[0].weight[:, 2] /= 20_000.0
    assert not alarms(data_audit(training(model, data=(inputs, targets))))


def test_labels_in_an_own_loss_that_indexes_are_still_told():
    def own(logits, labels):
        return -logits.log_softmax(1).gather(1, labels[:, None]).mean()

    inputs, targets = features()
    assert alarms(data_audit(training(mlp(), own, (inputs, targets + 1)))) == {"ND103"}
    assert not alarms(data_audit(training(mlp(), own, (inputs, targets))))


def test_targets_outside_are_sound_only_while_the_loss_leaves_them_out():
    """The same tags with -1: scored they are an error, masked they are none."""

    def masked(logits, tags):
        return (torch.nn.functional.binary_cross_entropy_with_logits(logits, tags, reduction="none") * (tags >= 0)).mean()

    inputs, _ = features(columns=16)
    tags = (inputs[:, :4] > 0).float()
    tags[100:, 1] = -1.0
    assert not alarms(data_audit(training(mlp(16, 4), masked, (inputs, tags))))
    assert alarms(data_audit(training(mlp(16, 4), nn.BCEWithLogitsLoss(), (inputs, tags)))) == {"ND103"}


def test_part_of_a_sorted_loader_says_nothing_about_balance():
    inputs, targets = features(1024)
    order = targets.argsort()
    report = data_audit(training(mlp(), train_loader=loader(inputs[order], targets[order], shuffle=False)), batches=8)
    assert alarms(report) == {"ND108"}
    assert "blocks" in state(report, "ND107").reason
    assert not any("never occurs" in f.message for f in report.findings)


# -- reading ----------------------------------------------------------------------------------------------------


def test_reading_stops_at_the_cap_and_says_so():
    result = data_audit(training(mlp(), data=features(256)), batches=3).result
    assert (result.train.batches, result.train.samples, result.train.whole) == (3, 96, False)


def test_a_loader_of_exactly_the_cap_is_read_whole():
    assert data_audit(training(mlp(), data=features(96)), batches=3).result.train.whole


def test_results_get_fuller(monkeypatch):
    monkeypatch.setattr(sys.modules["nbdebug.instruments.data_audit.measure"], "REFRESH", 0.0)
    read = [r.result.train.batches for r in data_audit.follow(training(mlp(), data=features(128)))]
    assert read == sorted(read) and read[0] == 1 and read[-1] == 4


def test_the_time_box_ends_the_pass():
    result = data_audit(training(mlp()), budget=0.0).result
    assert result.train.batches == 1 and not result.train.whole


def test_an_iterable_dataset_is_said_to_be_used_up():
    stream = data.Stream(*features())
    report = data_audit(training(mlp(), train_loader=DataLoader(stream, batch_size=32)))
    assert "cannot be rewound" in report.result.panels()[0].text and not alarms(report)


def test_panels_show_what_was_read_the_balance_the_statistics_and_the_samples():
    panels = data_audit(training(data.convolutions(), data=images(), val_loader=loader(*images(32)))).result.panels()
    assert {Note, Table, Gallery} <= {type(panel) for panel in panels}
    gallery = next(p for p in panels if isinstance(p, Gallery))
    assert len(gallery.exhibits) == 16 and all(isinstance(exhibit, Picture) for exhibit in gallery.exhibits)
    balance = next(p for p in panels if "balance" in p.title)
    assert isinstance(balance, Histogram) and balance.edges == tuple(label - 0.5 for label in range(11))
    both = {"train_loader": images()[1], "val_loader": images(32)[1]}
    assert balance.counts == {name: tuple(labels.bincount(minlength=10).tolist()) for name, labels in both.items()}
    assert "train_loader: 128 samples of 10 classes; val_loader: 32 samples" in balance.caption


def test_a_wide_table_is_cut():
    panels = data_audit(training(mlp(500), data=features(columns=500))).result.panels()
    table = next(p for p in panels if p.title == "columns")
    assert len(table.rows) < 60 and "of 500" in table.caption


# -- batches of every kind --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Sample:
    x: torch.Tensor
    y: torch.Tensor


class Encoding(UserDict):
    """As transformers' BatchEncoding: a mapping that is no dict."""

    def to(self, device):
        return self


class TakesX(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp()

    def forward(self, x):
        return self.body(x)


def batches_of(make):
    inputs, targets = features()
    return [make(inputs[i : i + 32], targets[i : i + 32]) for i in range(0, 256, 32)]


KINDS = {
    "tuple": (mlp, lambda x, y: (x, y)),
    "list": (mlp, lambda x, y: [x, y]),
    "dict": (TakesX, lambda x, y: {"x": x, "y": y, "name": ["a"] * len(x)}),
    "mapping": (TakesX, lambda x, y: Encoding({"x": x, "labels": y})),
    "dataclass": (TakesX, Sample),
    "column of labels": (mlp, lambda x, y: (x, y[:, None].squeeze(1))),
    "half precision": (lambda: mlp().bfloat16(), lambda x, y: (x.bfloat16(), y)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_every_kind_are_read(kind):
    build, make = KINDS[kind]
    report = data_audit(training(build(), train_loader=batches_of(make)))
    assert report.result.train.samples == 256 and not alarms(report)
    assert state(report, "ND103").state == "sound"


def test_labels_from_one_are_seen_in_a_dict_by_batch_and_row():
    setup = training(TakesX(), train_loader=batches_of(lambda x, y: {"x": x, "y": y + 1}))
    (told,) = [f for f in data_audit(setup).findings if f.code == "ND103"]
    assert "batch 0 row" in str(told.location)


def test_an_autoencoder_has_no_labels():
    inputs, _ = features()
    setup = training(mlp(64, 64), nn.MSELoss(), train_loader=DataLoader(inputs, batch_size=32, shuffle=True))
    report = data_audit(setup)
    assert [f.name for f in report.result.train.fields] == ["inputs"] and not alarms(report)


def test_nested_inputs_and_members_that_are_no_tensors_pass():
    class Nested(TakesX):
        def forward(self, parts, scale):
            return self.body(parts["left"] + parts["right"]) * scale

    report = data_audit(training(Nested(), train_loader=batches_of(lambda x, y: ({"left": x, "right": x / 2}, 2.0, y))))
    assert {f.name for f in report.result.train.fields} == {"inputs[0]['left']", "inputs[0]['right']", "targets"}
    assert not alarms(report)


def test_language_model_tokens_are_exempt_from_balance():
    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

        def forward(self, ids):
            return self.head(self.embedding(ids)).flatten(0, 1)

    def per_token(logits, ids):
        return nn.functional.cross_entropy(logits, ids.flatten())

    ids, following = tokens()
    report = data_audit(training(Tiny(), per_token, (ids, torch.zeros_like(following))))
    assert not alarms(report) and "many labels a sample" in state(report, "ND107").reason
    assert alarms(data_audit(training(Tiny(), per_token, (ids, following + 1)))) == {"ND103"}


def test_a_model_with_its_own_loss_is_read_like_any_other():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3
    )
    model = transformers.BertForSequenceClassification(config)
    ids = torch.randint(0, 50, (96, 8))
    mask, labels = torch.ones_like(ids), ids[:, 0] % 3

    def setup(labels):
        rows = [transformers.BatchEncoding({"input_ids": ids[i : i + 32], "attention_mask": mask[i : i + 32],
                                            "labels": labels[i : i + 32]}) for i in range(0, 96, 32)]  # fmt: skip
        return TrainingSetup(model=model, train_loader=rows)

    assert not alarms(data_audit(setup(labels)))
    assert alarms(data_audit(setup(labels + 1))) == {"ND103"}


# -- bad input --------------------------------------------------------------------------------------------------


def test_an_empty_loader_is_an_error_in_a_sentence():
    with pytest.raises(SetupError, match="train_loader is empty"):
        data_audit(training(mlp(), train_loader=loader(torch.zeros(0, 64), torch.zeros(0), shuffle=False)))


def test_an_unknown_batch_is_an_error_in_a_sentence():
    with pytest.raises(BatchError, match="cannot tell inputs from targets|no tensor"):
        data_audit(training(mlp(), train_loader=["a photo", "another"]))


def test_a_sample_that_raises_is_named():
    class Broken(Dataset):
        def __len__(self):
            return 64

        def __getitem__(self, index):
            if index == 41:
                raise OSError("truncated file")
            return torch.zeros(64), 0

    report = data_audit(training(mlp(), train_loader=DataLoader(Broken(), batch_size=8)))
    (finding,) = [f for f in report.findings if f.code == "ND312"]
    assert "dataset index 41, raised OSError: truncated file, in batch 5; 1 of 64 samples read raised" in finding.message
    assert finding.evidence == {"batch": 5, "batches": 8, "broken": 1, "read": 64, "samples": "41", "split": "train_loader"}
    assert finding.location.detail == "train_loader, dataset index 41" and finding.location.file.endswith("test_data_audit.py")
    assert linecache.getline(__file__, finding.location.line).strip() == 'raise OSError("truncated file")'
    text = report.result.panels()[0].text
    assert "1 such sample is left out here" in text and "ended early" not in text


def test_batches_that_cannot_be_put_together_are_counted():
    class Widths(Dataset):
        def __len__(self):
            return 64

        def __getitem__(self, index):
            return torch.zeros(65 if index in (20, 50) else 64), 0

    report = data_audit(training(mlp(), train_loader=DataLoader(Widths(), batch_size=8)))
    (finding,) = [f for f in report.findings if f.code == "ND312"]
    assert finding.message.startswith("batch 2: train_loader raised RuntimeError") and finding.location.detail == "train_loader, batch 2"
    assert (finding.evidence["batch"], finding.evidence["batches"]) == (2, 6) and "2 batches beside 6 good ones" in finding.message


def test_a_pass_that_really_ended_says_where():
    inputs, targets = features(64)

    def batches():
        yield from ((inputs, targets),) * 3
        raise OSError("the share is gone")

    class Stream:
        def __iter__(self):
            return batches()

    report = data_audit(training(mlp(), train_loader=Stream()))
    (finding,) = [f for f in report.findings if f.code == "ND312"]
    assert finding.evidence["batch"] == 3 and finding.location.detail == "train_loader, batch 3"
    assert linecache.getline(__file__, finding.location.line).strip() == 'raise OSError("the share is gone")'
    assert "Reading it ended early" in report.result.panels()[0].text


def test_a_broken_val_loader_does_not_lose_the_look_at_train():
    class Broken(IterableDataset):
        def __iter__(self):
            raise OSError("no such share")

    report = data_audit(training(mlp(), val_loader=DataLoader(Broken())))
    assert report.result.train.whole and "no such share" in report.result.panels()[0].text


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda x, y: (x, ["cat", "dog"] * 16), "list of str"),
        (lambda x, y: (x, torch.tensor(3)), "could not be computed"),
        (lambda x, y: (x, None), "could not be computed"),
    ],
    ids=["text", "0-d", "none"],
)
def test_targets_that_no_loss_takes_are_not_checked_for_a_reason(make, reason):
    report = data_audit(training(mlp(), train_loader=batches_of(make)))
    assert state(report, "ND103").state == "not checked" and reason in state(report, "ND103").reason
    assert not alarms(report)


def test_a_dataset_of_one_sample_is_read():
    report = data_audit(training(mlp(), data=(torch.randn(1, 64), torch.tensor([3]))))
    assert report.result.train.samples == 1 and not alarms(report)


def test_nan_everywhere_is_one_finding_for_the_inputs():
    inputs, targets = features(64)
    report = data_audit(training(mlp(), data=(inputs * float("nan"), targets)))
    (told,) = report.findings
    assert (told.code, told.severity) == ("ND101", Severity.ERROR)
    evidence = dict(told.evidence)
    ids, loss = evidence.pop("samples").split(","), evidence.pop("loss")
    assert len(set(ids)) == 24 and set(ids) <= set(map(str, range(64))) and math.isnan(loss)
    assert evidence == {"nan": 4096, "inf": 0, "rows": 64, "read": 64, "columns": 64, "split": "train_loader"}


def test_the_samples_of_a_nan_are_named_by_their_dataset_indices_or_not_at_all():
    inputs, targets = features(64)
    inputs[[17, 40], 3] = float("nan")
    (told,) = data_audit(training(mlp(), train_loader=DataLoader(TensorDataset(inputs, targets), batch_size=8))).findings[:1]
    assert (told.code, told.evidence["rows"], told.evidence["samples"], told.evidence["split"]) == ("ND101", 2, "17,40", "train_loader")
    hidden = data_audit(training(mlp(), train_loader=[(inputs, targets)])).findings[0]
    assert (hidden.code, hidden.evidence["rows"]) == ("ND101", 2) and not {"samples", "split"} & hidden.evidence.keys()


def test_a_step_that_raises_leaves_the_rest_to_be_judged():
    inputs, targets = features()
    inputs[17, 3] = float("nan")
    report = data_audit(training(mlp(columns=5), data=(inputs, targets)))
    (told,) = report.findings
    assert (told.code, told.severity) == ("ND101", Severity.WARNING) and "could not be computed" in told.message
    assert "could not be computed" in state(report, "ND102").reason


def test_batches_must_be_at_least_one():
    with pytest.raises(SetupError, match="at least 1, got 0"):
        data_audit(training(mlp()), batches=0)


def test_a_tensor_dataset_with_sparse_and_complex_members_passes():
    inputs, targets = features(64)
    batches = [(inputs.to_sparse(), targets), (torch.complex(inputs, inputs), targets)]
    for batch in batches:
        assert not alarms(data_audit(training(mlp(), train_loader=[batch])))


def test_data_loaders_own_indices_are_named():
    inputs, targets = features(64)
    inputs[11, 2] = float("inf")
    setup = training(mlp(), train_loader=DataLoader(TensorDataset(inputs, targets), batch_size=16, shuffle=True))
    assert "dataset index 11, column 2" in str(data_audit(setup).findings[0].location)

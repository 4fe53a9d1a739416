"""Two versions of data beside each other."""

from __future__ import annotations

import json

import numpy
import pandas
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbdebug
from nbdebug.data.comparing import Comparison, compared, sentence
from nbdebug.data.fingerprint import fingerprint
from nbdebug.errors import SetupError
from nbdebug.instruments.report import Report
from nbdebug.plain import to_plain
from tests.data.test_between import split_of


def frame(rows=300, seed=0):
    random = numpy.random.default_rng(seed)
    return pandas.DataFrame({"age": random.normal(40, 10, rows), "pay": random.lognormal(8, 1, rows), "y": random.integers(0, 2, rows)})


def of(a, b, target="y"):
    return compared(fingerprint(split_of(a, "a", target=target)), fingerprint(split_of(b, "b", target=target)))


def test_the_same_rows_in_another_order_are_the_same():
    found = of(frame(), frame().sample(frac=1, random_state=1))
    assert found.same is True and found.same_inputs is True
    assert found.schema == found.statistics == ()
    assert "The same content" in sentence(found)


def test_rows_added_and_removed_are_counted():
    a = frame()
    found = of(a[:280], a[30:])
    assert (found.shared.both, found.shared.removed, found.shared.added, found.shared.error) == (250, 30, 20, 0.0)
    assert found.same is False


def test_labels_that_changed_are_counted():
    b = frame()
    b.loc[:9, "y"] = 1 - b.loc[:9, "y"]
    found = of(frame(), b)
    assert found.same is False and found.same_inputs is True
    assert found.shared.labels_changed == 10
    assert "the targets are not" in sentence(found)


def test_one_value_that_changed_is_one_row_and_a_range():
    a = pandas.DataFrame({"age": numpy.arange(400) % 24 + 16, "pay": numpy.arange(400.0), "y": numpy.arange(400) % 2})
    b = a.copy()
    b.loc[24, "age"] = 99
    found = of(a, b)
    assert found.same is False and found.statistics == found.schema == ()
    assert (found.shared.both, found.shared.removed, found.shared.added, found.shared.error) == (399, 1, 1, 0.0)
    (moved,) = found.ranges
    assert (moved.column, moved.what, moved.a, moved.b) == ("age", "range", "16..39", "16..99")
    said = sentence(found)
    assert "399 are in both, 1 only in a, 1 only in b" in said and "1 column has another range: age from 16..39 to 16..99" in said
    assert "statistics are the same" not in said
    assert "ranges that moved" in [panel.title for panel in Comparison((found,)).panels()]


def test_samples_that_only_occur_more_often_are_said_to():
    a = frame()
    b = pandas.concat([a[1:], a[5:6]])
    found = of(pandas.concat([a, a[:1]]), pandas.concat([a, a[5:6]]))
    assert found.same is False and "differ only in how often they hold each" in sentence(found)
    assert "299 are in both, 1 only in a, 0 only in b" in sentence(of(a, b))


def test_too_few_changes_for_the_estimate_are_not_denied():
    rows = numpy.arange(60_000.0).reshape(20_000, 3)
    other = rows.copy()
    other[7, 0] = 8.5
    found = compared(*(fingerprint(split_of(part)) for part in (rows, other)))
    assert found.same is False and (found.shared.removed, found.shared.added) == (0, 0)  # row 7 is not among the smallest hashes
    assert "share about 20,000 different samples, and differ in so few that the estimate" in sentence(found)


def test_samples_that_raise_are_left_out_and_counted():
    class Breaks(Dataset):
        def __len__(self):
            return 64

        def __getitem__(self, index):
            if index == 41:
                raise OSError("truncated file")
            return torch.full((3,), float(index)), index % 2

    report = nbdebug.compare_data(DataLoader(Breaks(), batch_size=8), DataLoader(Breaks(), batch_size=8, shuffle=True))
    (found,) = report.result.splits
    assert (found.a.samples, found.a.lost, found.a.exact, found.same) == (63, 1, False, None)
    assert "1 sample of a raised" in sentence(found) and "1 raised" in found.a.describe()


def test_of_many_rows_the_overlap_is_estimated_with_its_error():
    rows = torch.randn(30_000, 3)
    found = compared(*(fingerprint(split_of(part)) for part in (rows[:20_000], rows[5000:])))
    shared = found.shared
    assert shared.error > 0
    assert abs(shared.both - 15_000) < 4 * shared.error
    assert abs(shared.removed - 5000) < 4 * shared.error
    assert abs(shared.added - 10_000) < 4 * shared.error


def test_columns_that_came_went_and_changed_their_name():
    b = frame().rename(columns={"pay": "income"}).drop(columns="age").assign(new=numpy.arange(300.0))
    found = {(change.what, change.a, change.b) for change in of(frame(), b).schema}
    assert found == {("renamed", "pay", "income"), ("removed", "float64", ""), ("added", "", "float64")}


def test_what_moved_is_told_with_its_effect():
    b = frame()
    b["age"] += 10
    b.loc[:59, "pay"] = numpy.nan
    found = {(change.column, change.what): change for change in of(frame(), b).statistics}
    assert found["age", "mean"].effect == pytest.approx(10 / frame().age.std(), rel=0.01)
    assert (found["pay", "missing"].a, found["pay", "missing"].b) == ("0.0%", "20.0%")


def test_two_samples_of_one_source_have_not_moved():
    for seed in range(20):
        assert of(frame(seed=seed), frame(seed=seed + 100)).statistics == (), seed


def test_classes_that_came():
    b = frame()
    b.loc[:29, "y"] = 2
    found = [change for change in of(frame(), b).statistics if change.what == "classes"]
    assert "class 2" in {change.column for change in found}


def test_what_was_read_in_part_claims_nothing():
    from dataclasses import replace

    split = split_of(frame(), target="y")
    found = compared(fingerprint(replace(split, whole=False)), fingerprint(split))
    assert found.same is None and found.shared is None
    assert "cannot be said" in sentence(found)


def test_it_is_public_and_shows_itself():
    report = nbdebug.compare_data(frame(), frame()[10:], target="y")
    assert "Not the same content" in str(report)
    assert Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report
    assert isinstance(report.result, Comparison)
    assert nbdebug.last_report() is report
    assert "text/html" in report._repr_mimebundle_()


def test_loaders_leave_no_trace():
    rows = torch.randn(100, 4)
    state = torch.get_rng_state()
    report = nbdebug.compare_data(DataLoader(TensorDataset(rows), 8, shuffle=True), DataLoader(TensorDataset(rows), 32, shuffle=True))
    assert report.result.splits[0].same is True
    assert torch.equal(state, torch.get_rng_state())
    assert report.proof.changes == ()


def test_reports_and_their_files(tmp_path):
    before = nbdebug.data_audit(frame()[:200], val=frame()[200:], target="y")
    after = nbdebug.data_audit(frame()[:200], val=frame()[210:], target="y")
    path = after.save(str(tmp_path / "after.json"))
    for one, other in ((before, after), (before.to_dict(), path)):
        train, val = nbdebug.compare_data(one, other).result.splits
        assert train.same is True
        assert (val.shared.both, val.shared.removed) == (90, 10)


def test_a_fingerprint_in_a_file(tmp_path):
    kept = fingerprint(split_of(frame(), target="y"))
    path = tmp_path / "kept.json"
    path.write_text(json.dumps(to_plain(kept)))
    assert nbdebug.compare_data(path, frame(), target="y").result.splits[0].same is True
    assert nbdebug.compare_data(kept, kept).result.splits[0].same is True


def test_a_split_without_a_partner_is_said():
    report = nbdebug.compare_data(frame(), nbdebug.data_audit(frame()[:200], val=frame()[200:], target="y"), target="y")
    assert report.result.alone == ("only b has val",)


@pytest.mark.parametrize("wrong", [None, 3, nbdebug.why(ValueError("x"))], ids=["None", "a number", "another report"])
def test_what_is_no_data_is_said(wrong):
    with pytest.raises(SetupError, match="^a "):
        nbdebug.compare_data(wrong, frame())


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(SetupError, match="broken.json"):
        nbdebug.compare_data(frame(), path)

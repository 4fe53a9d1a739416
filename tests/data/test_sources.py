"""Whatever a user has becomes batches, and what is none of it an error in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset

import nbdebug
from nbdebug.data.sources import as_source
from nbdebug.errors import SetupError
from tests.data.test_gathering import split_of

R = numpy.random.default_rng(0)
X, Y = R.normal(size=(200, 5)).astype("float32"), R.integers(0, 3, 200)


class Squares(Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        return torch.full((3,), float(index)), index % 4


class Stream(IterableDataset):
    def __iter__(self):
        return ((torch.full((3,), float(i)), i % 4) for i in range(100))


class OfHub:
    """Does what a data set of Hugging Face does: rows by number, columns by name."""

    column_names = ["text", "label"]

    def __len__(self):
        return 3000

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            numbers = range(*rows.indices(3000))
            return {"text": [f"this is sentence number {i} of them" for i in numbers], "label": [i % 2 for i in numbers]}
        return {"text": f"this is sentence number {rows} of them", "label": rows % 2}


FRAME = pandas.DataFrame({"age": R.integers(18, 90, 200), "city": ["Rome", "Oslo"] * 100, "pay": R.normal(size=200), "left": Y > 1})


def arrow() -> Any:
    return pytest.importorskip("pyarrow").Table.from_pandas(FRAME)


HAD = {  # what a user has → samples, names of the fields, name of the target
    "DataLoader": (lambda: DataLoader(Squares(), batch_size=32), 100, {"inputs", "targets"}),
    "with workers": (lambda: DataLoader(Squares(), batch_size=32, num_workers=2, persistent_workers=True), 100, {"inputs", "targets"}),
    "with a batch sampler": (lambda: DataLoader(Squares(), batch_sampler=BatchSampler(RandomSampler(range(100)), 16, False)), 100, {"inputs", "targets"}),
    "dataset": (Squares, 100, {"inputs", "targets"}),
    "subset": (lambda: torch.utils.data.Subset(Squares(), range(40)), 40, {"inputs", "targets"}),
    "TensorDataset": (lambda: TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), 200, {"inputs", "targets"}),
    "tensor": (lambda: torch.from_numpy(X), 200, {"inputs"}),
    "array": (lambda: X, 200, {"inputs"}),
    "a row of numbers": (lambda: X[:, 0], 200, {"inputs"}),
    "(array, array)": (lambda: (X, Y), 200, {"inputs", "targets"}),
    "[array, array]": (lambda: [X, Y], 200, {"inputs", "targets"}),
    "(tensor, list)": (lambda: (torch.from_numpy(X), Y.tolist()), 200, {"inputs", "targets"}),
    "(frame, series)": (lambda: (FRAME[["age", "pay"]], pandas.Series(Y, name="kind")), 200, {"table", "kind"}),
    "dict of arrays": (lambda: {"image": R.random((50, 3, 8, 8)), "label": Y[:50]}, 50, {"image", "targets"}),
    "dict of columns": (lambda: {"a": Y, "b": X[:, 0], "c": ["u", "v"] * 100}, 200, {"table", "c"}),
    "record array": (lambda: numpy.array([(1.0, 2, "a"), (3.0, 4, "b")], dtype=[("x", "f4"), ("y", "i8"), ("z", "U1")]), 2, {"table", "z"}),
    "frame": (lambda: FRAME, 200, {"table", "city"}),
    "series": (lambda: FRAME["pay"], 200, {"table"}),
    "Arrow": (arrow, 200, {"table", "city"}),
    "Arrow batch": (lambda: arrow().to_batches()[0], 200, {"table", "city"}),
    "of the hub": (OfHub, 3000, {"text", "targets"}),
    "list of samples": (lambda: [(torch.zeros(4), i % 2) for i in range(50)], 50, {"inputs", "targets"}),
    "list of dicts": (lambda: [{"input_ids": [1] * (i + 2), "label": i % 2} for i in range(50)], 50, {"input_ids", "targets"}),
    "list of texts": (lambda: [f"a text with number {i}" for i in range(50)], 50, {"inputs"}),
    "list of rows": (lambda: [[1.0, 2.0, 3.0]] * 50, 50, {"inputs"}),
    "list of batches": (lambda: [(torch.zeros(8, 4), torch.zeros(8))] * 5, 40, {"inputs", "targets"}),
    "list of dict batches": (lambda: [{"x": torch.zeros(8, 4), "y": torch.zeros(8), "scale": 2.0}] * 5, 40, {"x", "targets"}),
    "list of batches of a tensor": (lambda: [torch.zeros(8, 4)] * 5, 40, {"inputs"}),
    "segmentation samples": (lambda: [(torch.zeros(3, 16, 16), torch.zeros(16, 16).long()) for _ in range(10)], 10, {"inputs", "targets"}),
    "iterable dataset": (Stream, 100, {"inputs", "targets"}),
}  # fmt: skip


@pytest.mark.parametrize("name", HAD)
def test_whatever_a_user_has(name):
    make, samples, names = HAD[name]
    split = split_of(make())
    assert (split.samples, {field.name for field in split.fields}) == (samples, names), split.notes
    assert split.total in (samples, None) and split.about


@pytest.mark.parametrize("name", [name for name in HAD if "iterable" not in name and "list of batches" not in name and "dict batches" not in name])
def test_every_sample_can_be_had_by_its_index(name):
    split = split_of(HAD[name][0]())
    assert split.by_index and split.fetch(int(split.ids[-1])) is not None


@pytest.mark.parametrize("name", ["frame", "(array, array)", "list of texts", "of the hub", "dict of columns", "dataset"])
def test_data_alone_is_audited_without_an_own_fault(name):
    report = nbdebug.data_audit(HAD[name][0](), budget=None)
    assert report.result.unanswered == {} and report.result.train.whole and report.proof.changes == ()


def test_only_a_loader_of_the_users_says_in_which_order_training_sees_the_samples():
    assert split_of(HAD["DataLoader"][0]()).ordered and split_of(HAD["list of batches"][0]()).ordered
    assert not any(split_of(HAD[name][0]()).ordered for name in ("dataset", "frame", "(array, array)", "list of samples", "of the hub"))


# -- tables -----------------------------------------------------------------------------------------------------


def test_a_table_knows_its_columns_and_its_target():
    split = split_of(FRAME, target="left")
    table = split.named("table")
    assert table.axis_names == ("age", "pay") and table.columns.dtypes == ("int64", "float64")
    assert split.target().kind == "classes" and split.target().facts.counts == {False: int((Y <= 1).sum()), True: int((Y > 1).sum())}
    assert split.named("city").kind == "category" and split.fetch(3)["city"] == "Oslo"


LEVELS = pandas.DataFrame(numpy.random.default_rng(0).normal(size=(60, 3)), columns=pandas.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "z")]))
NUMBERED = pandas.DataFrame(numpy.random.default_rng(0).normal(size=(60, 4))).assign(y=0)


@pytest.mark.parametrize(
    "data, target, targets",
    [
        (NUMBERED, 3, ["3"]),
        (NUMBERED, 0, ["0"]),
        (NUMBERED, ["y", 3], ["3", "y"]),
        (NUMBERED, ("y", 3), ["3", "y"]),
        (LEVELS, ("a", "y"), ["('a', 'y')"]),
        (LEVELS, [("a", "y"), ("b", "z")], ["('a', 'y')", "('b', 'z')"]),
        ((LEVELS, pandas.Series(range(60), name="q")), None, ["('q', '')"]),
        ((NUMBERED, pandas.Series(range(60), name=3)), None, ["3 (target)"]),
    ],
    ids=["a number", "nought", "a list", "a tuple", "of two levels", "two of two levels", "beside two levels", "a number beside numbers"],
)
def test_a_target_is_called_as_pandas_calls_it(data, target, targets):
    assert sorted(field.name for field in split_of(data, target=target).fields if field.role == "target") == targets
    assert not nbdebug.data_audit(data, target=target).stopped
    assert nbdebug.show_batch(data, target=target).result.samples == 60


@pytest.mark.parametrize("made", [torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr])
def test_a_sparse_tensor_is_written_out(made):
    split = split_of((made(torch.eye(50)), torch.arange(50) % 2))
    assert split.samples == 50 and split.input().columns.mean[0] == pytest.approx(1 / 50)


def test_a_list_of_two_tensors_of_their_own_length_is_a_list_of_batches():
    assert split_of([torch.randn(5, 3), torch.randn(7, 3)]).batches == 2


def test_arrow_and_pandas_say_the_same():
    one, other = split_of(FRAME, target="left"), split_of(arrow(), target="left")
    assert sorted(one.pairs.hashes.tolist()) == sorted(other.pairs.hashes.tolist())
    assert (one.named("table").columns.mean == other.named("table").columns.mean).all()


def test_missing_values_are_missing_in_every_kind_of_column():
    frame = pandas.DataFrame({
        "float": [1.0, None, 3.0], "int": pandas.array([1, None, 3], "Int64"), "bool": pandas.array([True, None, False], "boolean"),
        "text": ["a", None, "b"], "string": pandas.array(["a", None, "b"], "string"), "time": pandas.to_datetime(["2024-01-01", None, "2024-01-03"]),
        "category": pandas.Categorical(["u", None, "v"]), "zone": pandas.to_datetime(["2024-01-01", None, "2024-01-03"]).tz_localize("UTC"),
    })  # fmt: skip
    split = split_of(frame)
    assert dict(zip(split.named("table").axis_names, split.named("table").columns.missing.tolist(), strict=True)) == {"float": 1, "int": 1, "bool": 1}
    assert [split.named(name).facts.missing for name in ("text", "string", "category")] == [1, 1, 1]
    assert [split.named(name).kind for name in ("time", "zone")] == ["time", "time"] and split.named("time").columns.missing[0] == 1


def test_columns_of_one_name_are_told_apart():
    split = split_of(pandas.DataFrame(X, columns=["a", "b", "a", "c", "a"]))
    assert split.named("table").axis_names == ("a", "b", "a (2)", "c", "a (3)") and "2 columns share a name with another" in split.notes


def test_a_column_of_numbers_and_texts_is_known_as_such():
    field = split_of(pandas.DataFrame({"size": [1, 2, "large", 4.5, None] * 20})).named("size")
    assert field.kind == "category" and field.facts.types == {"int": 40, "str": 20, "float": 20, "NoneType": 20}


def test_a_frame_of_thousands_of_columns_is_read():
    frame = pandas.DataFrame(R.random((30, 5000)))
    split = split_of(frame, target="4999")
    assert len(split.named("table").axis_names) == 4999 and split.target().kind == "quantity"


# -- files ------------------------------------------------------------------------------------------------------


def written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


@pytest.mark.parametrize(
    "octets, name, note",
    [
        ("name;pay\nJosé;1\nZoë;2\n".encode(), "José", ""),
        ("name,pay\nJosé,1\nZoë,2\n".encode("utf-8-sig"), "José", "byte order mark"),
        ("name,pay\nJosé,1\nZoë,2\n".encode("latin-1"), "José", "Windows-1252"),
        ("name\tpay\nJosé\t1\nZoë\t2\n".encode("utf-16"), "José", "byte order mark"),
        (("name,pay\n" + "José,1\n" * 300).encode() + b"Zo\xeb,2\n", "José", "UTF-8 but for 1 byte, the first in line 302"),
    ],
    ids=["utf-8", "byte order mark", "latin-1", "utf-16", "one bad byte"],
)
def test_tables_of_odd_encodings(tmp_path, octets, name, note):
    split = split_of(written(tmp_path / "people.csv", octets), target="pay")
    assert name in split.named("name").facts.counts and split.target().name == "pay"
    assert any(note in said for said in split.notes) if note else split.notes == ()


def test_a_table_in_a_file_is_the_table_in_memory(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    FRAME.to_parquet(tmp_path / "t.parquet")
    from_memory = split_of(FRAME, target="left")
    for name in ("t.csv", "t.parquet"):
        split = split_of(str(tmp_path / name), target="left")
        assert split.samples == 200 and numpy.allclose(split.named("table").columns.mean, from_memory.named("table").columns.mean)
        assert split.target().facts.counts == from_memory.target().facts.counts


def test_a_text_is_read_line_by_line(tmp_path):
    split = split_of(written(tmp_path / "poem.txt", "\n".join(f"line number {i} of a long poem" for i in range(50)).encode()))
    assert split.samples == 50 and split.named("inputs").kind == "text"


def test_arrays_in_a_file(tmp_path):
    numpy.save(tmp_path / "x.npy", X)
    assert split_of(tmp_path / "x.npy").named("inputs").columns.mean == pytest.approx(X.astype("float64").mean(0))


def test_a_folder_of_images(tmp_path):
    from PIL import Image

    for i in range(6):
        (tmp_path / "cats").mkdir(exist_ok=True), (tmp_path / "dogs").mkdir(exist_ok=True)
        Image.fromarray(R.integers(0, 255, (12, 10 + i, 3)).astype("uint8")).save(tmp_path / ("cats", "dogs")[i % 2] / f"{i}.png")
    split = split_of(tmp_path)
    assert split.input().kind == "image" and split.target().facts.counts == {0: 3, 1: 3} and not split.ordered


def test_annotations_in_a_file_and_in_memory(tmp_path):
    content = {
        "images": [{"id": i, "width": 64, "height": 48, "file_name": f"{i}.jpg"} for i in range(5)],
        "annotations": [{"id": i, "image_id": i % 5, "category_id": 1, "bbox": [1, 2, 3, 4]} for i in range(9)],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    for given in (tmp_path / "boxes.json", content):
        split = split_of(given)
        assert split.samples == 5 and "boxes" in {field.kind for field in split.fields} and not split.ordered


# -- what is none of it -----------------------------------------------------------------------------------------


class Empty(Dataset):
    """A __getitem__ without its return."""

    def __len__(self):
        return 30

    def __getitem__(self, index):
        return None


@pytest.mark.parametrize("instrument", [nbdebug.data_audit, nbdebug.show_batch])
def test_nothing_at_all_says_what_to_pass(instrument):
    with pytest.raises(SetupError, match="got no data: pass a TrainingSetup, a DataLoader, a dataset, a frame"):
        instrument()


@pytest.mark.parametrize(
    "data, said",
    [
        (None, "data_audit got no data|is None"),
        (5, "of type int, which gives no samples"),
        ((x for x in [1]), "generator, which can be read only once"),
        (iter(DataLoader(Squares())), "can be read only once"),
        ([], "is empty"),
        (X[:0], "is empty"),
        (FRAME[:0], "is empty"),
        (TensorDataset(torch.zeros(0, 3)), "is empty"),
        ("no_such_file.csv", "no file or folder 'no_such_file.csv'"),
        ({"a": [1, 2], "b": [1]}, "not equally long: 'a' 2, 'b' 1"),
        (Squares, "is the class Squares"),
        ((numpy.zeros((1000, 2)), numpy.zeros(990)), "inputs have 1,000 rows, targets 990"),
        ((torch.zeros(10, 2), torch.zeros(9).long()), "inputs have 10 rows, targets 9"),
        ((torch.randn(5), torch.randn(7)), "inputs have 5 rows, targets 7"),
        (Empty(), "all 30 samples of a batch are None"),
        (torch.sparse_coo_tensor(torch.tensor([[0], [1]]), [1.0], (100_000, 100_000)), "is sparse and would take 40.0 GB"),
        ((FRAME, Y[:5]), "inputs have 200 rows, and targets 5"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_gives_no_samples_is_an_error_in_a_sentence(data, said):
    with pytest.raises(SetupError, match=said):
        nbdebug.data_audit(data)


@pytest.mark.parametrize(
    "told, said",
    [
        ({"target": "lefft"}, "no column called 'lefft': did you mean 'left'"),
        ({"target": "zzz"}, "there are 'age', 'city', 'pay', 'left'"),
        ({"kind": "images"}, "no kind called 'images': did you mean 'image'"),
    ],
)
def test_what_a_user_tells_must_exist(told, said):
    with pytest.raises(SetupError, match=said):
        nbdebug.data_audit(FRAME, **told)


@pytest.mark.parametrize("name, octets, said", [("a.csv", b"", "is empty"), ("a.xyz", b"1", "of no kind"), ("a.parquet", b"no", "cannot be read as a parquet")])
def test_files_that_cannot_be_read(tmp_path, name, octets, said):
    with pytest.raises(SetupError, match=said):
        as_source(written(tmp_path / name, octets))


def test_an_iterable_dataset_is_said_to_be_used_up():
    assert any("cannot be rewound" in note for note in split_of(Stream()).notes) and not split_of(Stream()).by_index

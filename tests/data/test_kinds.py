"""Which kind a field is taken for, from its values alone."""

from __future__ import annotations

import datetime

import numpy
import pytest

from nbdebug.data.chunk import Field
from nbdebug.data.kinds import kind_of
from nbdebug.data.labels import are_classes

R = numpy.random.default_rng(0)
WAVE = numpy.sin(numpy.arange(8000) * 0.05)[None] * R.random((4, 1)) + 0.01 * R.normal(size=(4, 8000))
DIGITS = numpy.clip(16 * numpy.exp(-((numpy.indices((8, 8)) - 3.5) ** 2).sum(0).reshape(1, 64) / 8) + R.integers(-2, 3, (96, 64)), 0, 16).astype(int)
PADDED = numpy.where(numpy.arange(24) < R.integers(4, 24, (64, 1)), R.integers(4, 5000, (64, 24)), 0)
PICTURE = numpy.add.outer(numpy.arange(28), numpy.arange(28))[None] / 28 - 1 + 0.05 * R.normal(size=(16, 28, 28))
PEOPLE = numpy.stack([R.integers(18, 90, 64), R.integers(10_000, 99_999, 64), R.integers(0, 5, 64)], 1)
SENTENCES = [f"this is sentence {i}, and it goes on for a while" for i in range(32)]

INPUTS = [
    ("photos", R.integers(0, 256, (4, 3, 32, 32)).astype("uint8"), "image"),
    ("photos, channels last", R.random((4, 32, 32, 3)), "image"),
    ("one channel", R.integers(0, 256, (4, 28, 28)).astype("uint8"), "image"),
    ("standardised digits", PICTURE.astype("float32"), "image"),
    ("digits in 0..1", numpy.abs(PICTURE), "image"),
    ("photos of all sizes", [R.integers(0, 256, (20 + i, 30, 3)).astype("uint8") for i in range(4)], "image"),
    ("feature maps", R.normal(size=(4, 12, 7, 9)), "image"),
    ("a table", R.normal(size=(64, 20)), "tabular"),
    ("a table of whole numbers", PEOPLE, "tabular"),
    ("flat digits of whole numbers", DIGITS, "tabular"),
    ("marks of what a sample has", R.integers(0, 2, (64, 30)), "tabular"),
    ("one column", R.normal(size=64), "tabular"),
    ("truth values", R.random((64, 4)) > 0.5, "tabular"),
    ("negative whole numbers", R.integers(-50, 50, (64, 10)), "tabular"),
    ("tokens", R.integers(0, 50, (96, 8)), "tokens"),
    ("tokens of a large vocabulary", R.integers(0, 50_000, (8, 128)), "tokens"),
    ("padded tokens", PADDED, "tokens"),
    ("characters", R.integers(0, 27, (32, 64)), "tokens"),
    ("sequences of their own length", [R.integers(0, 99, 5 + i) for i in range(8)], "tokens"),
    ("steps of several sensors", R.normal(size=(16, 50, 6)), "series"),
    ("sensors first", R.normal(size=(16, 3, 128)), "series"),
    ("square noise", R.normal(size=(16, 32, 32)), "series"),
    ("series of their own length", [R.normal(size=(10 + i, 3)) for i in range(4)], "series"),
    ("sound", WAVE, "audio"),
    ("sound with a channel axis", WAVE[:, None], "audio"),
    ("sounds of their own length", [WAVE[0, : 4000 + i] for i in range(4)], "audio"),
    ("sentences", SENTENCES, "text"),
    ("names that come again", ["red", "green", "blue"] * 10, "category"),
    ("numbers and texts", [1, "two", 3.0, None] * 8, "category"),
    ("days", numpy.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]"), "time"),
    ("volumes", R.normal(size=(2, 1, 8, 8, 8)), "other"),
    ("objects", [datetime.date(2024, 1, 1)] * 4, "other"),
    ("nothing", [None] * 4, "other"),
]
TARGETS = [
    ("labels", R.integers(0, 10, 64), "classes"),
    ("few of a thousand labels", R.integers(0, 1000, 64), "classes"),
    ("ten thousand labels", R.integers(0, 10_000, 8192), "classes"),
    ("labels from one", R.integers(1, 6, 64), "classes"),
    ("with the mark of the ignored", numpy.r_[R.integers(0, 5, 60), [-100] * 4], "classes"),
    ("truth values", R.random(64) > 0.5, "classes"),
    ("0.0 and 1.0", (R.random(64) > 0.5).astype("float32"), "classes"),
    ("a column of 0.0 and 1.0", (R.random((64, 1)) > 0.5).astype("float32"), "classes"),
    ("whole labels with a gap filled by NaN", numpy.r_[R.integers(0, 3, 60).astype(float), [numpy.nan] * 4], "classes"),
    ("one row of a 1 each", numpy.eye(5)[R.integers(0, 5, 64)], "classes"),
    ("several a sample", R.integers(0, 2, (64, 6)), "tabular"),
    ("names", ["cat", "dog"] * 16, "classes"),
    ("translations", SENTENCES, "text"),
    ("prices", R.normal(300, 50, 64), "quantity"),
    ("a column of prices", R.normal(300, 50, (64, 1)), "quantity"),
    ("ages", R.integers(18, 90, 2000), "quantity"),
    ("whole prices", R.integers(100_000, 900_000, 500), "quantity"),
    ("years", R.integers(1950, 2020, 500), "quantity"),
    ("numbers of the samples", numpy.arange(500), "quantity"),
    ("stars as floats", R.integers(1, 6, 64).astype("float32"), "quantity"),
    ("several quantities", R.normal(size=(64, 3)), "tabular"),
    ("masks", R.integers(0, 4, (4, 32, 32)), "mask"),
    ("masks with a channel", R.integers(0, 2, (4, 1, 32, 32)).astype("float32"), "mask"),
    ("images to be made", R.random((4, 3, 16, 16)), "image"),
    ("tokens to come", R.integers(0, 500, (32, 16)), "tokens"),
    ("boxes of their own number", [R.random((i, 4)) for i in range(4)], "boxes"),
]


@pytest.mark.parametrize("name, values, kind", INPUTS, ids=[name for name, *_ in INPUTS])
def test_inputs(name, values, kind):
    assert kind_of(Field("inputs", "input", values, str(getattr(values, "dtype", "object")))) == kind


@pytest.mark.parametrize("name, values, kind", TARGETS, ids=[name for name, *_ in TARGETS])
def test_targets(name, values, kind):
    assert kind_of(Field("targets", "target", values, str(getattr(values, "dtype", "object")))) == kind


@pytest.mark.parametrize(
    "name, values, kind",
    [
        ("attention_mask", R.integers(0, 2, (8, 16)), "mask"),
        ("input_ids", R.integers(0, 2, (8, 16)), "tokens"),
        ("waveform", R.normal(size=(4, 500)), "audio"),
        ("boxes", R.random((8, 3, 4)), "boxes"),
    ],
)
def test_a_name_that_says_it_is_believed(name, values, kind):
    assert kind_of(Field(name, "input", values, str(values.dtype))) == kind


@pytest.mark.parametrize(
    "told, role, values, kind",
    [
        ("tabular", "input", R.integers(0, 50, (96, 8)), "tabular"),
        ("series", "input", R.normal(size=(8, 32)), "series"),
        ("image", "input", R.normal(size=(8, 16, 20)), "image"),
        ("image", "input", R.normal(size=8), "tabular"),  # a number beside the image
        ("tokens", "input", R.normal(size=(8, 4)), "tabular"),
        ("quantity", "target", R.integers(0, 10, 64), "quantity"),
        ("quantity", "input", R.normal(size=(8, 4)), "tabular"),
        ("image", "target", R.integers(0, 10, 64), "classes"),
        ("text", "input", ["a", "b"] * 8, "text"),
    ],
)
def test_what_the_user_says_holds_where_it_can(told, role, values, kind):
    assert kind_of(Field("x", role, values, str(getattr(values, "dtype", "str"))), told) == kind


def test_a_tabular_frame_is_never_tokens():
    assert kind_of(Field("table", "input", R.integers(0, 50, (96, 8)), "int64", tuple("abcdefgh"))) == "tabular"


def test_labels_of_a_long_tail_are_classes():
    values, counts = numpy.unique(numpy.minimum(R.geometric(0.05, 5000) - 1, 99), return_counts=True)
    assert are_classes(values, counts, "int64")


def test_nothing_is_no_class():
    assert not are_classes(numpy.zeros(0), numpy.zeros(0), "int64")

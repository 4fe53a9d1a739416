"""What a pass keeps of images."""

from __future__ import annotations

import math

import numpy
import pytest

from nbdebug.data.chunk import Field
from nbdebug.data.gathering.images import ImageFacts, ImageGather, layout_of
from nbdebug.data.split import FieldData

RNG = numpy.random.default_rng(0)


def gathered(values, ids=None, batch: int | None = None) -> FieldData:
    """All of it, in one chunk or several."""
    count = len(values)
    ids = numpy.arange(count) if ids is None else numpy.asarray(ids)
    gather = ImageGather(Field("inputs", "input", values[: batch or count], "float32"), "image", count)
    for start in range(0, count, batch or count):
        rows = numpy.arange(start, min(count, start + (batch or count)))
        gather.add(Field("inputs", "input", values[rows[0] : rows[-1] + 1], "float32"), rows, rows - start, ids[rows])
    return gather.look(numpy.arange(count))


def facts(values, ids=None) -> ImageFacts:
    return gathered(values, ids).facts


def test_statistics_are_those_of_numpy():
    images = (RNG.normal(size=(40, 3, 16, 20)) ** 3).astype(numpy.float32)  # small enough that every pixel is looked at
    columns = gathered(images, batch=7).columns
    pixels = images.astype(numpy.float64).swapaxes(0, 1).reshape(3, -1)
    centred = pixels - pixels.mean(1, keepdims=True)
    assert columns.mean == pytest.approx(pixels.mean(1))
    assert columns.std == pytest.approx(pixels.std(1))
    assert columns.skew == pytest.approx((centred**3).mean(1) / pixels.std(1) ** 3)
    assert columns.kurtosis == pytest.approx((centred**4).mean(1) / pixels.std(1) ** 4 - 3)
    assert columns.low == pytest.approx(pixels.min(1)) and columns.high == pytest.approx(pixels.max(1))
    assert columns.count.tolist() == [40 * 320] * 3
    assert columns.negative == pytest.approx((pixels < 0).sum(1))


def test_extremes_and_nan_come_from_every_pixel_of_a_large_image():
    images = RNG.random((3, 3, 200, 300)).astype(numpy.float32)
    images[1, 2, 7, 11], images[2, 0, 199, 298] = 9, math.nan
    found = gathered(images, ids=[5, 6, 7])
    assert found.columns.high[2] == 9 and found.columns.missing.tolist() == [1, 0, 0]
    assert found.facts.broken == {"NaN": (1, (7,))} and found.facts.nan_pixels == 1
    assert found.columns.mean == pytest.approx([0.5, 0.5, 0.5], abs=0.02)  # of every k-th


@pytest.mark.parametrize(
    "shape, layout",
    [((3, 32, 32), "CHW"), ((32, 32, 3), "HWC"), ((1, 28, 28), "CHW"), ((28, 28, 1), "HWC"), ((4, 9, 9), "CHW"), ((9, 9, 4), "HWC"),
     ((28, 28), "HW"), ((13, 64, 64), ""), ((64, 64, 13), ""), ((64, 3, 3), ""), ((3, 3, 3), ""), ((1, 40, 1), "")],
)  # fmt: skip
def test_the_layout_of_a_shape(shape, layout):
    assert layout_of(shape) == layout


def test_a_shape_that_can_be_read_both_ways_lies_as_the_others_do():
    images = [RNG.random((20, 20, 3)).astype(numpy.float32) for _ in range(6)] + [RNG.random((4, 30, 3)).astype(numpy.float32)]
    found = facts(images)
    assert layout_of((4, 30, 3)) == "" and found.layouts == {"HWC": (7, tuple(range(7)))}


@pytest.mark.parametrize("shape, layout", [((13, 20, 20), "CHW"), ((20, 20, 13), "HWC"), ((3, 3, 3), "CHW"), ((32, 3, 3), "CHW")])
def test_where_the_shape_does_not_tell_it_is_guessed_once_for_all(shape, layout):
    assert facts(RNG.random((4, *shape))).layout == layout


def test_layout_channels_and_sizes_are_told_with_their_ids():
    images = [RNG.random((3, 12, 14)) for _ in range(5)] + [RNG.random((12, 14, 3)), RNG.random((1, 9, 9)), RNG.random((9, 9))]
    found = facts(images, ids=range(100, 108))
    assert found.layout == "CHW" and found.layouts["HWC"] == (1, (105,)) and found.layouts["HW"] == (1, (107,))
    assert found.channels == {3: 6, 1: 2} and found.channel_ids["1"] == (2, (106, 107))
    assert found.sizes == {(12, 14): 6, (9, 9): 2}
    assert found.sampled_sizes.tolist() == [[12, 14]] * 6 + [[9, 9]] * 2


def test_images_of_one_value():
    images = RNG.random((6, 1, 10, 10)).astype(numpy.float32)
    images[1], images[3], images[4] = 0, 1, 0.25
    images[5, 0, 5, 5] = 1
    found = facts(images, ids=[10, 11, 12, 13, 14, 15])
    assert found.constant == {"black": (1, (11,)), "white": (1, (13,)), "one value": (1, (14,))}
    assert sum(count for count, _ in found.ranges.values()) == 3


@pytest.mark.parametrize(
    "image, word",
    [(RNG.random((3, 20, 20)), "0..1"), (RNG.random((3, 20, 20)) * 2 - 1, "-1..1"), (RNG.random((3, 20, 20)) * 255, "0..255"),
     (RNG.normal(size=(3, 20, 20)), "standardised"), (RNG.random((3, 20, 20)) * 4000, "other"), (RNG.random((3, 20, 20)) * 0.1, "faint"),
     ((RNG.random((3, 20, 20)) * 255).astype(numpy.uint8), "0..255"), ((RNG.random((3, 20, 20)) > 0.5).astype(numpy.uint8), "0 or 1")],
)  # fmt: skip
def test_the_range_of_values(image, word):
    assert list(facts([image]).ranges) == [word]


def test_an_entry_that_is_no_image_takes_its_place():
    images = [RNG.random((3, 8, 8)), None, "text", numpy.zeros((0, 3, 3)), RNG.random((3, 8, 8))]
    found = gathered(images, ids=[4, 5, 6, 7, 8])
    assert found.facts.broken == {"no image": (3, (5, 6, 7))}
    assert found.facts.phash_ids.tolist() == [4, 8] and len(found.sample) == 5


def test_thumbnails_are_area_means():
    image = numpy.kron(RNG.random((3, 32, 32)), numpy.ones((1, 2, 2))).astype(numpy.float32)  # 64 x 64: every pixel is looked at
    assert gathered(image[None]).sample[0] == pytest.approx(image[:, ::2, ::2].transpose(1, 2, 0))


def smooth(side: int) -> numpy.ndarray:
    grid = numpy.linspace(0, 5, side)
    field = numpy.sin(grid[:, None] * 1.3) + numpy.cos(grid * 1.7) + 0.5 * numpy.sin(grid[:, None] * grid)
    return ((field - field.min()) / (field.max() - field.min()) * 255).astype(numpy.uint8)


def bits_apart(one: int, other: int) -> int:
    return int(one ^ other).bit_count()


def test_the_difference_hash_is_that_of_imagehash():
    imagehash, image = pytest.importorskip("imagehash"), pytest.importorskip("PIL.Image")
    pixels = smooth(120)
    ours = int(facts(pixels[None, None]).phashes[0])
    theirs = int(str(imagehash.dhash(image.fromarray(pixels))), 16)
    assert bits_apart(ours, theirs) <= 3  # they resize with a wider filter
    assert bits_apart(ours, int(facts(smooth(120)[:, ::-1][None, None]).phashes[0])) > 16


def test_the_hash_survives_another_size_scale_and_layout():
    hashes = [int(facts(values).phashes[0]) for values in (smooth(200)[None, None], smooth(64)[None, None] / 255.0, smooth(128)[None, :, :, None])]
    assert all(bits_apart(hashes[0], other) <= 4 for other in hashes)


def test_odd_images_do_no_harm():
    assert gathered(numpy.zeros((2, 5, 1, 1), bool)).columns.high.tolist() == [0.0] * 5
    assert gathered(numpy.full((2, 3, 9, 9), numpy.nan, numpy.float32)).facts.broken["NaN"][0] == 2
    assert gathered(numpy.full((1, 1, 9, 9), numpy.inf)).columns.infinite.tolist() == [81]
    assert facts(RNG.random((2, 3, 400, 2)).astype(numpy.float16)).sizes == {(400, 2): 2}

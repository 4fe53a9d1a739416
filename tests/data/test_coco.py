"""COCO annotations and folders of images, with what is wrong in them."""

from __future__ import annotations

import json
import struct
import zlib

import numpy
import pytest

import nbdebug
from nbdebug.data.sources.coco import Coco
from nbdebug.data.sources.folder import ImageFolder
from nbdebug.errors import SetupError
from nbdebug.findings import INFO

Image = pytest.importorskip("PIL.Image")


def content(**more) -> dict:
    return {
        "images": [{"id": 7, "width": 40, "height": 30, "file_name": "a.jpg"}, {"id": 9, "width": 40, "height": 30, "file_name": "b.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 10, 12], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 5, "bbox": [5, 6, 20, 10], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
    } | more  # fmt: skip


def troubles(coco: Coco) -> dict[str, int]:
    return {f"{t.of} {t.what}": t.count for t in coco.troubles}


def test_what_coco_gives():
    coco = Coco(content())
    assert len(coco) == 2 and coco.troubles == []
    assert coco[0]["boxes"].tolist() == [[1, 2, 10, 12], [5, 6, 20, 10]] and coco[0]["labels"].tolist() == [3, 5]
    assert coco[0]["size"].tolist() == [30, 40] and coco[1]["boxes"].shape == (0, 4)
    assert coco.about == "COCO annotations of 2 images: 2 boxes in 2 categories"


def test_a_broken_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('{"images": [],\n "annotations": [{"id": 1,,}]}')
    with pytest.raises(SetupError, match="broken.json, line 2, column 27"):
        Coco(path)
    path.write_text(json.dumps(content())[:-30])
    with pytest.raises(SetupError, match="line 1, column .* the file ends there|Unterminated"):
        Coco(path)
    path.write_bytes(b'{"images": [\n{"file_name": "caf\xe9"}]}')
    with pytest.raises(SetupError, match="line 2: byte 0xe9 is no UTF-8"):
        Coco(path)


@pytest.mark.parametrize(
    "wrong, said",
    [([1, 2], "a list"), ({"a": 1}, "the keys a"), ([{"image_id": 1, "score": 0.5}], "holds detections")],
)
def test_what_is_no_coco_file_says_what_it_is(tmp_path, wrong, said):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(wrong))
    with pytest.raises(SetupError, match=said):
        Coco(path)
    with pytest.raises(SetupError, match="takes a path, a dict or a pycocotools COCO, got int"):
        Coco(3)


def test_wrong_entries_are_counted_and_the_others_are_kept():
    made = content()
    made["annotations"] += [
        {"id": 2, "image_id": 9, "category_id": 3, "bbox": [1, 1, 5, 5]},  # the id of another
        {"id": 4, "image_id": 8, "category_id": 3, "bbox": [1, 1, 5, 5]},  # there is no image 8
        {"id": 5, "image_id": 9, "category_id": 4, "bbox": [1, 1, 5, 5]},  # nor a category 4
        {"id": 6, "image_id": 9, "category_id": 3, "bbox": [1, 1, "5", 5]},
        {"id": 7, "image_id": 9, "category_id": 3, "bbox": [1, 1, float("nan"), 5]},
        {"id": 8, "image_id": 9, "category_id": 3},
        {"id": 9, "category_id": 3, "bbox": [1, 1, 5, 5]},
        "annotation",
    ]  # fmt: skip
    made["images"].append({"id": 9, "file_name": "c.jpg"})
    assert troubles(Coco(made)) == {
        "annotations are no objects": 1, "images have no width and height": 1, "images share their id with another": 1,
        "annotations have no whole number as image_id": 1, "annotations name an image that does not exist": 1, "annotations have no bbox": 1,
        "annotations have a bbox that is not four finite numbers": 2, "annotations have a category_id that no category has": 1,
        "annotations share their id with another": 1,
    }  # fmt: skip
    assert len(Coco(made).boxes) == 4


def test_parts_that_are_missing_or_of_another_type():
    assert troubles(Coco(content(categories={"id": 3}))) == {"categories are a dict, where a list is expected": 1}
    made = content()
    del made["images"]
    assert "images are missing from the file" in troubles(Coco(made))


def test_pycocotools_is_taken_as_well(tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(content()))
    assert numpy.array_equal(Coco(coco.COCO(str(path))).boxes, Coco(path).boxes)


def alarms(report) -> list[str]:
    return [str(finding) for finding in report.findings if finding.severity is not INFO]


def test_a_path_is_audited_and_troubles_are_found(tmp_path):
    path = tmp_path / "instances.json"
    made = content()
    made["annotations"].append({"id": 4, "image_id": 8, "category_id": 3, "bbox": [1, 1, 5, 5]})
    path.write_text(json.dumps(made))
    (alarm,) = alarms(nbdebug.data_audit(str(path)))
    assert "ND118" in alarm and "1 annotations name an image that does not exist: annotation 4 (image_id 8)" in alarm


# -- folders ----------------------------------------------------------------------------------------------------------


def pixels(index: int, channels: int = 3) -> numpy.ndarray:
    rng = numpy.random.default_rng(index)
    grid = numpy.linspace(0, 4, 40)
    values = 0.5 + 0.4 * numpy.sin(rng.uniform(1, 2, channels) * grid[:, None, None] + rng.uniform(0, 6, channels) + grid[None, :, None])
    return (values * 255).astype(numpy.uint8)


@pytest.fixture
def folder(tmp_path):
    """Two classes of twelve images, in every mode, with other things beside."""
    for index in range(24):
        (home := tmp_path / ("cat" if index % 2 else "dog")).mkdir(exist_ok=True)
        Image.fromarray(pixels(index)).save(home / f"{index:02d}.png")
    return tmp_path


def test_a_folder_is_a_data_set(folder):
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "cat" / "notes ü.txt").write_text("no image")
    (folder / "stray.png").write_bytes((folder / "cat" / "01.png").read_bytes())
    data = ImageFolder(folder)
    assert data.classes == ("cat", "dog") and len(data) == 24
    image, label = data[0]
    assert image.dtype == numpy.uint8 and image.shape == (40, 40, 3) and label == 0
    assert {word: n for word, n in data.left_out.items() if n} == {"hidden": 1, "no image": 1, "beside the class folders": 1}


def test_every_mode_is_converted_and_counted(folder):
    home = folder / "cat"
    rgb = Image.fromarray(pixels(1))
    rgb.convert("P").save(home / "01.png")
    rgb.convert("L").save(home / "03.png")
    rgb.convert("RGBA").save(home / "05.png")
    rgb.convert("1").save(home / "07.png")
    Image.fromarray(pixels(2)[:, :, 0].astype(numpy.uint16) * 257).save(home / "09.png")
    rgb.convert("CMYK").save(home / "cmyk.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    rgb.save(home / "turned.jpg", exif=turned)
    data = ImageFolder(folder)
    shapes = {path.rsplit("/", 1)[1]: data[i][0].shape for i, path in enumerate(data.paths)}
    assert data.modes == {"RGB": 20, "P": 1, "L": 1, "RGBA": 1, "1": 1, "I;16": 1, "CMYK": 1}
    assert shapes["03.png"] == shapes["07.png"] == shapes["09.png"] == (40, 40, 1) and shapes["01.png"] == shapes["cmyk.jpg"] == (40, 40, 3)
    deep = data[[p.endswith("09.png") for p in data.paths].index(True)][0]
    assert numpy.array_equal(deep[:, :, 0], pixels(2)[:, :, 0])
    assert [data.paths[i].rsplit("/", 1)[1] for i in data.turned] == ["turned.jpg"]
    assert alarms(nbdebug.data_audit(str(folder))) == []


def test_broken_files_are_named_and_the_others_still_audited(folder):
    whole = (folder / "dog" / "04.png").read_bytes()
    (folder / "dog" / "04.png").write_bytes(whole[: len(whole) // 2])
    (folder / "cat" / "05.png").write_bytes(b"<html>404</html>")
    (folder / "cat" / "07.png").write_bytes(b"")
    report = nbdebug.data_audit(str(folder))
    found = [f for f in report.findings if f.code == "ND117" and f.severity is not INFO]
    assert len(found) == 1 and "3 of 24 files cannot be decoded: " in found[0].message and "cat/05.png (UnidentifiedImageError" in found[0].message
    assert found[0].evidence["samples"] == "2,3,14" and str(found[0].severity) == "error"
    assert report.result.structure.images[0].images == 21 and alarms(report) == [str(found[0])]


def test_a_picture_whose_header_promises_too_much_is_broken(folder):
    """A PNG of 60,000 x 60,000 pixels: PIL refuses to be bombed."""
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0")))
    chunks = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts)
    (folder / "cat" / "01.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    data = ImageFolder(folder)
    assert data[0][0] is None and "DecompressionBomb" in data.broken[0].reason


def test_a_flat_folder_has_no_classes(tmp_path):
    for index in range(10):
        Image.fromarray(pixels(index)[: 30 + index]).save(tmp_path / f"{index}.PNG")
    data = ImageFolder(tmp_path)
    assert data.classes == () and isinstance(data[0], numpy.ndarray) and data.about == "folder of 10 images"
    report = nbdebug.data_audit(str(tmp_path))
    assert report.result.structure.images[0].different_sizes == 10 and alarms(report) == []


def test_no_folder_and_no_image_are_said(tmp_path):
    with pytest.raises(SetupError, match="there is no folder"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(SetupError, match="is no folder"):
        ImageFolder(tmp_path / "a.txt")
    with pytest.raises(SetupError, match="holds no image"):
        ImageFolder(tmp_path)

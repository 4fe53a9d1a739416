"""The gallery of what was read: which samples, how they are drawn, how large it may get."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbdebug
from nbdebug.data.context import Context, Flag
from nbdebug.data.gathering import Gather
from nbdebug.data.samples import samples
from nbdebug.data.samples.choosing import MOST
from nbdebug.data.samples.pictures import channels_last, corners, picture, shrunk, value_range
from nbdebug.data.sources import as_source
from nbdebug.data.sources.coco import Coco
from nbdebug.loading import read
from nbdebug.page import Picture, Row, Trace, Words
from nbdebug.plain import from_plain, to_plain

WHOLE = Context(None, None, True)


def gathered(data, name="data", **told):
    source = as_source(data, name, **told)
    gather = Gather(source)
    for one in read(source.loader, name):
        gather.take(one)
    gather.whole = True
    return gather.split()


def images(count=60, classes=3, size=8):
    torch.manual_seed(0)
    return TensorDataset(torch.rand(count, 1, size, size), torch.arange(count) % classes)


def pixels(exhibit: Picture) -> numpy.ndarray:
    return numpy.asarray(Image.open(io.BytesIO(base64.b64decode(exhibit.png)))).astype(int)


class TestWhichOnes:
    def test_every_class_comes_first_in_turn(self):
        look = samples(gathered(images()), None, WHOLE, ())
        assert [s.group for s in look.collection.samples[:6]] == ["0", "1", "2", "0", "1", "2"]
        assert look.collection.groups == {"data": {"0": 20, "1": 20, "2": 20}}

    def test_ten_thousand_classes_fit(self):
        look = samples(gathered(images(12_000, 10_000, 4)), None, WHOLE, ())
        assert len(look.collection.samples) == MOST and len({s.group for s in look.collection.samples}) == MOST
        assert len(json.dumps(to_plain(look))) < 600_000

    def test_the_flagged_are_there_with_the_reason_also_where_they_were_not_sampled(self):
        split = gathered(images(90))
        split = replace(split, ids=split.ids[:50], fields=tuple(replace(field, sample=field.sample[:50]) for field in split.fields))
        outside = [60, 70, 80]
        flags = (Flag("data", tuple(outside), "all black"), Flag("data", (outside[0],), "seen twice"), Flag("elsewhere", (1,), "no"))
        found = {s.id: s for s in samples(split, None, WHOLE, flags).collection.samples if s.reasons}
        assert sorted(found) == outside
        assert found[outside[0]].reasons == ("all black", "seen twice")
        assert found[outside[0]].group == str(outside[0] % 3)
        assert f"index {outside[1]}: all black" in found[outside[1]].exhibit.note

    def test_a_flagged_row_of_a_table_is_asked_of_the_table(self):
        import pandas

        split = gathered(pandas.DataFrame({"size": [float(i) for i in range(60)], "kind": [0, 1] * 30}), target="kind")
        split = replace(split, ids=split.ids[:20], fields=tuple(replace(field, sample=field.sample[:20]) for field in split.fields))
        found = next(s for s in samples(split, None, WHOLE, (Flag("data", (41,), "copied"),)).collection.samples if s.reasons)
        assert (found.id, found.group, found.exhibit.values) == (41, "1", {"size": 41.0})

    def test_validation_has_a_quarter(self):
        names = [s.split for s in samples(gathered(images(400, 40)), gathered(images(400, 40), "val"), WHOLE, ()).collection.samples]
        assert names.count("val") == 40 and names.count("data") == 120

    def test_a_checkup_keeps_eight_and_no_columns(self):
        look = samples(gathered(images()), None, Context(None, None, False), ())
        assert len(look.collection.samples) == 8 and not look.collection.columns

    def test_data_that_hides_its_indices_is_not_asked_by_running_number(self):
        class Own(DataLoader):
            def __iter__(self):
                return iter([(torch.full((4, 1, 8, 8), 0.5), torch.zeros(4).long())])

        for sample in samples(gathered(Own(images())), None, WHOLE, ()).collection.samples:
            assert set(pixels(sample.exhibit).ravel()) == {128}


class TestHowTheyAreDrawn:
    def test_raw_pixels_and_the_names_of_classes(self):
        class Named(Dataset):
            classes = ("cat", "<b>dog</b>")

            def __len__(self):
                return 4

            def __getitem__(self, index):
                return torch.linspace(0, 1, 16 * 16).view(1, 16, 16), index % 2

        look = samples(gathered(Named()), None, WHOLE, ())
        assert [s.group for s in look.collection.samples[:2]] == ["0 · cat", "1 · <b>dog</b>"]
        drawn = pixels(look.collection.samples[0].exhibit)
        assert drawn.shape == (16, 16) and drawn[0, 0] == 0 and drawn[-1, -1] == 255

    def test_what_is_heavy_is_drawn_smaller(self):
        torch.manual_seed(0)
        noise = TensorDataset(torch.rand(200, 3, 96, 96), torch.arange(200) % 20)
        look = samples(gathered(noise), None, WHOLE, ())
        assert len(json.dumps(to_plain(look))) < 600_000
        assert len(look.collection.samples) > 100 and look.collection.samples[0].exhibit.width >= 28

    def test_tables_texts_tokens_and_curves_are_what_they_are(self):
        import pandas

        frame = pandas.DataFrame({"size": [1.5, float("nan")] * 8, "town": ["Bonn", "Köln"] * 8, "price": [3, 4] * 8})
        row = samples(gathered(frame, target="price"), None, WHOLE, ()).collection.samples[0].exhibit
        assert isinstance(row, Row) and {"size": 1.5, "town": "Bonn"}.items() <= row.values.items() and "price" not in row.values
        tokens = TensorDataset(torch.randint(1, 50_000, (40, 12)), torch.zeros(40).long())
        assert isinstance(samples(gathered(tokens, kind="tokens"), None, WHOLE, ()).collection.samples[0].exhibit, Words)
        series = TensorDataset(torch.randn(20, 400, 2).cumsum(1), torch.zeros(20))
        trace = samples(gathered(series, kind="series"), None, WHOLE, ()).collection.samples[0].exhibit
        assert isinstance(trace, Trace) and list(trace.series) == ["channel 0", "channel 1"] and len(trace.series["channel 0"]) == 120
        reviews = [(f"review {i} says that it was worth the time it took to read it", i % 2) for i in range(20)]
        look = samples(gathered(DataLoader(reviews, 5)), None, WHOLE, ())
        assert look.collection.samples[0].exhibit.text.startswith("review")

    def test_a_mask_lies_over_its_image_and_boxes_are_lines(self):
        image = numpy.zeros((20, 20, 1))
        mask = numpy.zeros((40, 40), numpy.int64)
        mask[:20] = 3
        drawn = pixels(picture("", image, 0, 1, mask=mask))
        assert drawn[:10].any() and not drawn[10:].any()
        drawn = pixels(picture("", image, 0, 1, boxes=numpy.array([[5, 5, 10, 15]])))
        assert drawn[5:16, 5].any(1).all() and drawn[5:16, 10].any(1).all() and drawn[5, 5:11].any(1).all() and not drawn[7, 7].any()

    def test_boxes_are_read_in_each_usual_way(self):
        one = [[10.0, 20.0, 30.0, 60.0]]
        assert corners(numpy.array(one), 100, 200).tolist() == one
        assert corners(numpy.array([[40.0, 50.0, 20.0, 20.0]]), 100, 200).tolist() == [[40, 50, 60, 70]]
        assert corners(numpy.array([[0.1, 0.2, 0.5, 0.6]]), 100, 200).tolist() == [[20, 20, 100, 60]]
        assert corners(numpy.zeros((0, 4)), 100, 200).shape == (0, 4)

    def test_annotations_without_images_are_boxes_on_an_empty_sheet(self):
        coco = {
            "images": [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 40} for i in range(6)],
            "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [5, 6, 20, 30]} for i in range(6)],
            "categories": [{"id": 1, "name": "cat"}],
        }
        source = as_source(Coco(coco).loader())
        drawn = pixels(samples(gathered(source.loader), None, WHOLE, ()).collection.samples[0].exhibit)
        ink = numpy.argwhere(drawn[..., 0] > 100)  # x, y, width, height, and not two corners
        assert drawn.shape == (40, 50, 3) and ink.min(0).tolist() == [6, 5] and ink.max(0).tolist() == [36, 25]

    def test_of_a_volume_the_middle_slice_is_drawn(self):
        volume = torch.zeros(4, 1, 5, 8, 8)
        volume[:, :, 2] = 1
        assert set(pixels(samples(gathered(TensorDataset(volume)), None, WHOLE, ()).collection.samples[0].exhibit).ravel()) == {255}

    @pytest.mark.parametrize(
        "shape, expected",
        [((3, 40, 30), (40, 30, 3)), ((40, 30, 3), (40, 30, 3)), ((40, 30), (40, 30, 1)), ((12, 40, 30), (40, 30, 12)), ((3, 40, 3), (40, 3, 3))],
    )
    def test_layouts(self, shape, expected):
        assert channels_last(numpy.zeros(shape)).shape == expected

    def test_sides_and_ranges(self):
        assert shrunk(numpy.ones((400, 100, 3)), 80).shape == (80, 20, 3)
        assert shrunk(numpy.ones((4, 9, 1)), 80).shape == (4, 9, 1)
        assert [value_range(*ends) for ends in ((0.1, 0.9), (0, 200), (-2.1, 2.6), (float("nan"), 1))] == [(0, 1), (0, 255), (-2.1, 2.6), (0, 1)]

    def test_nan_and_infinite_pixels_are_drawn(self):
        image = numpy.array([[float("nan"), float("inf")], [float("-inf"), 0.5]])[:, :, None]
        assert pixels(picture("", image, 0, 1)).tolist() == [[0, 255], [0, 128]]


class TestColumns:
    def test_train_lies_beside_validation_in_common_bins(self):
        train, val = TensorDataset(torch.randn(300, 2), torch.zeros(300)), TensorDataset(torch.randn(100, 2) + 3, torch.zeros(100))
        columns = samples(gathered(train), gathered(val, "val"), WHOLE, ()).collection.columns
        histogram, table = columns["inputs column 1"]
        assert {name: sum(counts) for name, counts in histogram.counts.items()} == pytest.approx({"data": 10_000, "val": 10_000}, abs=15)
        assert [row[0] for row in table.rows] == ["data", "val"] and table.rows[1][1] == pytest.approx(3, abs=0.5)

    def test_whole_numbers_get_a_bin_each_and_constant_columns_none(self):
        data = TensorDataset(torch.stack([torch.arange(100) % 4, torch.zeros(100)], 1).float(), torch.zeros(100))
        columns = samples(gathered(data), None, WHOLE, ()).collection.columns
        assert columns["inputs column 0"][0].edges == (-0.5, 0.5, 1.5, 2.5, 3.5)
        assert len(columns["inputs column 1"]) == 1


@pytest.mark.parametrize(
    "data",
    [
        [torch.rand(1, 3)], TensorDataset(torch.rand(1, 3, 1, 1)), TensorDataset(torch.full((5, 2), float("nan"))), DataLoader([None] * 4, collate_fn=list),
        [{"a": ["x", None], "b": [object(), 3]}], TensorDataset(torch.rand(4, 2, 3, 4, 5)), TensorDataset(torch.rand(4, 7, 9, 9), torch.rand(4, 9, 9)),
        TensorDataset(torch.rand(4, 3, dtype=torch.cfloat)), TensorDataset(torch.rand(4, 3, 0, 5)),
    ],
)  # fmt: skip
def test_odd_data_is_shown_as_far_as_it_goes(data):
    look = samples(gathered(data), None, WHOLE, (Flag("data", (0, 99), "odd"),))
    assert from_plain(type(look), json.loads(json.dumps(to_plain(look)))) == look
    look.panels()


def test_the_report_has_a_collection_and_a_page_of_sensible_length():
    report = nbdebug.data_audit(DataLoader(images(400), 32, shuffle=True), val=images(100))
    assert report.page().collection is report.result.samples.collection
    galleries = [panel for panel in report.result.panels() if panel.title == "samples"]
    assert len(galleries) == 1 and len(galleries[0].exhibits) == 16
    assert len(report._repr_mimebundle_()["text/html"]) < 200_000
    assert "400 samples" in report.subject and "parameters" not in report.subject


def test_the_datasets_own_random_numbers_are_given_back():
    class Noisy(Dataset):
        def __len__(self):
            return 20

        def __getitem__(self, index):
            return torch.rand(1, 8, 8), index % 2

    before = torch.get_rng_state()
    nbdebug.data_audit(Noisy())
    assert torch.equal(torch.get_rng_state(), before)


def folder(path, classes=("cat", "dog", "eel"), each=20):
    for number, name in enumerate(classes):
        (path / name).mkdir()
        for i in range(each):
            Image.fromarray(numpy.random.default_rng(100 * number + i).integers(0, 255, (8, 8, 3), dtype=numpy.uint8)).save(path / name / f"{i:02}.png")
    return path


def test_samples_of_a_folder_are_called_by_their_file_and_what_cannot_be_decoded_is_crossed_out(tmp_path):
    broken = folder(tmp_path) / "cat" / "03.png"
    broken.write_bytes(b"no image")
    shown = {sample.id: sample.exhibit for sample in nbdebug.data_audit(tmp_path).result.samples.collection.samples}
    assert shown[3].note == "cat/03.png: cannot be decoded"
    drawn = pixels(shown[3])
    assert drawn[0, 0].tolist() == [236, 236, 236] and drawn[40, 40].tolist() == [200, 60, 50]
    assert shown[20].note == "dog/00.png"


def test_a_reason_is_given_once():
    look = samples(gathered(images()), None, WHOLE, (Flag("data", (5,), "all black"), Flag("data", (5, 6), "all black")))
    assert next(s for s in look.collection.samples if s.id == 5).reasons == ("all black",)

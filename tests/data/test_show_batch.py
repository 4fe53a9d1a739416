"""What the network really gets: the batch as delivered, and as its first layer receives it."""

from __future__ import annotations

import base64
import io

import numpy
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nbdebug
from nbdebug import NbdebugError, SetupError, TrainingSetup
from nbdebug.instruments.report import Report
from nbdebug.page import Picture, Row, Trace, Words
from nbdebug.render import html


class Animals(Dataset):
    classes = ("cat", "dog")

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.full((3, 16, 16), index / 12), index % 2


class Prepares(nn.Module):
    """Normalises by itself before its first layer."""

    def __init__(self, by=0.25):
        super().__init__()
        self.by = by
        self.first, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.first((x - 0.5) / self.by).mean((2, 3)))


def training(model=None, **loaders) -> TrainingSetup:
    return TrainingSetup(model or Prepares(), nn.CrossEntropyLoss(), **(loaders or {"train_loader": DataLoader(Animals(), 4)}))


def part(report: Report, role: str):
    return next(p for p in report.result.parts if p.role == role)


def test_images_with_their_class_their_range_and_their_layout():
    report = nbdebug.show_batch(training(), n=3)
    assert [e.label for e in report.result.exhibits] == ["0 · cat", "1 · dog", "0 · cat"]
    assert report.result.exhibits[1].note == "0.0833 … 0.0833"
    inputs = part(report, "input")
    assert (inputs.kind, inputs.shape, inputs.dtype, inputs.layout, inputs.high) == ("image", "(4, 3, 16, 16)", "float32", "NCHW", 0.25)


def test_what_the_first_layer_receives_is_shown_where_the_model_prepares_it():
    report = nbdebug.show_batch(training())
    received = part(report, "received")
    assert report.result.receiver == "first (conv2d)"
    assert (received.low, received.high) == pytest.approx((-2.0, -1.0))
    assert [e.note for e in report.result.received] == ["-2 … -2", "-1.67 … -1.67", "-1.33 … -1.33", "-1 … -1"]


def test_what_arrives_unchanged_is_said_to():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 256, 2))
    report = nbdebug.show_batch(training(model))
    assert report.result.received == () and "arrives unchanged at 1 (linear)" in report.result.panels()[0].text


def test_a_forward_that_raises_is_no_reason_to_show_nothing():
    report = nbdebug.show_batch(training(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (5, 5)))))
    assert len(report.result.exhibits) == 4 and "could not be seen" in str(report)


def test_loader_model_and_random_numbers_are_left_as_they_were():
    loader = DataLoader(Animals(), 4, shuffle=True)
    setup = training(train_loader=loader)
    torch.manual_seed(0)
    expected = [y.tolist() for _, y in loader]
    torch.manual_seed(0)
    report = nbdebug.show_batch(setup)
    assert [y.tolist() for _, y in loader] == expected
    assert report.proof.changes == ()


def test_the_other_loader():
    report = nbdebug.show_batch(training(train_loader=DataLoader(Animals(), 4), val_loader=DataLoader(Animals(), 6)), split="val")
    assert report.result.loader == "val_loader" and report.result.samples == 6
    with pytest.raises(SetupError, match="no val_loader"):
        nbdebug.show_batch(training(), split="val")
    with pytest.raises(SetupError, match='"train" or "val"'):
        nbdebug.show_batch(training(), split="test")


class Vocabulary:
    def decode(self, ids):
        return " ".join(f"w{i}" for i in ids)


def test_tokens_are_decoded_and_their_padding_told_apart():
    ids = torch.cat([torch.arange(3, 15).view(2, 6), torch.zeros(2, 3, dtype=torch.long)], 1)
    batch = {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": torch.tensor([0, 1])}
    plain = nbdebug.show_batch([batch]).result.exhibits[0]
    assert isinstance(plain, Words) and (plain.text, plain.after) == ("3 4 5 6 7 8", "0 0 0")
    assert nbdebug.show_batch([batch], tokenizer=Vocabulary()).result.exhibits[0].text == "w3 w4 w5 w6 w7 w8"


def test_the_tokenizer_of_a_dataset_is_found():
    class Texts(Animals):
        tokenizer = Vocabulary()

        def __getitem__(self, index):
            return {"input_ids": torch.tensor([5, 6, 7 + index]), "labels": 0}

    assert nbdebug.show_batch(DataLoader(Texts(), 4)).result.exhibits[2].text == "w5 w6 w9"


def test_padding_at_the_front_and_a_token_that_only_ends_its_sequence():
    front = torch.tensor([[0, 0, 5, 6], [0, 7, 8, 9]])
    shown = nbdebug.show_batch([{"input_ids": front, "attention_mask": (front > 0).long()}]).result.exhibits
    assert [(e.before, e.text) for e in shown] == [("0 0", "5 6"), ("0", "7 8 9")]
    ends = torch.tensor([[5, 6, 7, 2], [8, 9, 4, 2], [8, 3, 4, 2]])
    assert [e.after for e in nbdebug.show_batch([{"input_ids": ends}]).result.exhibits] == ["", "", ""]


def test_a_table_is_a_table():
    import pandas

    frame = pandas.DataFrame({"age": [31, 44, 12], "town": ["Bonn", None, "<b>"], "owns": [1, 0, 1]})
    report = nbdebug.show_batch(frame, target="owns", n=2)
    assert report.result.rows.columns == ("owns", "age", "town")
    assert report.result.rows.rows == ((1, 31.0, "Bonn"), (0, 44.0, None))


def test_series_are_curves_and_masks_and_boxes_lie_over_their_image():
    series = nbdebug.show_batch([(torch.randn(4, 300, 2).cumsum(1), torch.zeros(4))], kind="series")
    assert all(isinstance(e, Trace) for e in series.result.exhibits)
    dark = torch.zeros(2, 3, 20, 20)
    masked = nbdebug.show_batch([(dark, (torch.arange(20) > 9).long().expand(2, 20, 20))]).result.exhibits[0]
    drawn = pixels(masked)
    assert drawn[:, 12:].any() and not drawn[:, :8].any()
    boxed = [(list(dark), [{"boxes": torch.tensor([[2.0, 2.0, 9.0, 9.0]]), "labels": torch.tensor([1])}] * 2)]
    drawn = pixels(nbdebug.show_batch(boxed).result.exhibits[0])
    assert drawn[2, 2:10].any(1).all() and not drawn[5, 5].any()


def pixels(exhibit: Picture) -> numpy.ndarray:
    return numpy.asarray(Image.open(io.BytesIO(base64.b64decode(exhibit.png))))


NAN = float("nan")
ODD = [
    [None, None], [object()], [{"a": [1, "x", None]}], ["abc"], [torch.tensor(3.0)], [(torch.zeros(0, 3), torch.zeros(0))],
    [(torch.full((4, 3, 8, 8), NAN), torch.rand(4, 8, 8) > 0.5)], [torch.rand(2, 3, 4, 5, 6)], [torch.rand(4, 5, dtype=torch.cfloat)],
    [{1: {2: (torch.rand(3, 2),)}}], [(torch.rand(4, 6, 9, 9), ["<b>", "b", "c", "d"])], [[torch.rand(3, 5, 9), torch.rand(3, 7, 2)]],
    TensorDataset(torch.rand(3, 0)), [(torch.zeros(3, 2, dtype=torch.float16), torch.zeros(3, 40))], [b"bytes"],
]  # fmt: skip


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
def test_an_odd_batch_is_shown_as_far_as_it_goes(data):
    try:
        report = nbdebug.show_batch(data)
    except NbdebugError as error:
        assert "itself failed" not in str(error)
        return
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()
    assert "<b>" not in html.render(report.page()).replace("<b>Your", "").replace('<b class="', "").split("<h4>Data</h4>")[-1]
    report.figure()


def test_a_row_that_is_no_table_is_words():
    report = nbdebug.show_batch([([{"q": 1}, {"q": 2}], torch.zeros(2))])
    assert not any(isinstance(e, Row) for e in report.result.exhibits)
    assert "q" in str(report)


def test_a_dataset_sorted_by_class_is_shown_from_all_of_it():
    report = nbdebug.show_batch(TensorDataset(torch.rand(300, 3, 8, 8), torch.arange(300) // 100), n=9)
    assert [exhibit.label for exhibit in report.result.exhibits] == ["0"] * 3 + ["1"] * 3 + ["2"] * 3
    assert report.result.samples == 64


def test_a_loader_gives_its_own_first_batch():
    report = nbdebug.show_batch(DataLoader(TensorDataset(torch.rand(300, 3, 8, 8), torch.arange(300) // 100), 8), n=9)
    assert [exhibit.label for exhibit in report.result.exhibits] == ["0"] * 8


def test_an_image_that_cannot_be_decoded_is_a_crossed_out_sheet(tmp_path):
    (tmp_path / "cat").mkdir()
    for i in range(3):
        Image.new("RGB", (8, 8), (10 * i, 0, 0)).save(tmp_path / "cat" / f"{i}.png")
    (tmp_path / "cat" / "3.png").write_bytes(b"no image")
    last = nbdebug.show_batch(tmp_path).result.exhibits[-1]
    assert last.note == "no image: it cannot be decoded" and pixels(last)[40, 40].tolist() == [200, 60, 50]

"""Lengths, padding, encodings, boxes: numbers that can be counted by hand."""

from __future__ import annotations

import numpy
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from nbdebug import TrainingSetup
from nbdebug.data.chunk import Field
from nbdebug.data.gathering.sequences import SequenceFacts, TokenGather
from nbdebug.data.gathering.series import SeriesFacts, SeriesGather
from nbdebug.data.structure.boxes import inside_of
from nbdebug.data.structure.padding import ends
from nbdebug.data.structure.sequences import misread, repaired
from nbdebug.findings import INFO

RNG = numpy.random.default_rng(0)


def gathered(make, values, kind: str, batch: int = 1000, dtype: str = "int64"):
    gather = make(Field("inputs", "input", values[:batch], dtype), kind, len(values))
    for start in range(0, len(values), batch):
        rows = numpy.arange(start, min(len(values), start + batch))
        gather.add(Field("inputs", "input", values[rows[0] : rows[-1] + 1], dtype), rows, rows - start, rows + 100)
    return gather.look(numpy.arange(len(values)))


def tokens_of(values, batch: int = 1000) -> SequenceFacts:
    return gathered(TokenGather, values, "tokens", batch).facts


def series_of(values, kind: str = "series") -> SeriesFacts:
    return gathered(SeriesGather, values, kind, dtype="float32").facts


def filled(padding: int, lengths, width: int = 8, left: bool = False) -> numpy.ndarray:
    """Tokens 3..9 drawn at random, and padding."""
    table = RNG.integers(3, 10, (len(lengths), width))
    table[numpy.arange(width) >= numpy.asarray(lengths)[:, None]] = padding
    return table[:, ::-1].copy() if left else table


# -- tokens -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1000, 3])
@pytest.mark.parametrize("left", [False, True])
def test_padding_is_what_fills_the_ends(left, batch):
    lengths = [8, 3, 5, 5, 1, 8, 2, 7]
    facts = tokens_of(filled(0, lengths, left=left), batch)
    assert (facts.padding, facts.side) == (0, "left" if left else "right")
    assert facts.lengths == {8: 2, 3: 1, 5: 2, 1: 1, 2: 1, 7: 1}
    assert (facts.padded, facts.tokens) == (64 - sum(lengths), 64)


def test_padding_may_be_any_token():
    assert tokens_of(filled(50_256, [8, 3, 5, 2, 6])).padding == 50_256


def test_sequences_of_their_own_length_need_none():
    facts = tokens_of([numpy.arange(3, 3 + n) for n in (4, 0, 2, 4)])
    assert facts.padding is None and facts.lengths == {4: 2, 0: 1, 2: 1} and facts.empty == (1, (101,))


def test_a_sequence_of_padding_alone_is_empty():
    facts = tokens_of(filled(0, [5, 0, 8, 3, 0, 6]))
    assert facts.padding == 0 and facts.empty == (2, (101, 104)) and facts.lengths[0] == 2


@pytest.mark.parametrize(
    "table",
    [
        RNG.integers(0, 20, (300, 12)),  # words
        numpy.sort(RNG.integers(0, 5, (300, 12)), axis=1),  # in order: ends are full of the largest
        RNG.poisson(0.4, (300, 12)),  # counts with zeros everywhere
        numpy.concatenate([RNG.integers(2, 20, (300, 11)), numpy.ones((300, 1), int)], 1),  # all end with one token
        numpy.zeros((300, 12), int),  # nothing but one
        (RNG.random((300, 12)) < 0.1).astype(int),  # marks
    ],
)
def test_what_is_no_padding(table):
    assert tokens_of(table).padding is None


def test_extremes_are_named():
    table = filled(0, [8] * 40)
    table[17, 2], table[30, 0] = 99, -1
    facts = tokens_of(table, batch=7)
    assert (facts.lowest, facts.highest) == (-1, 99)
    assert facts.highest_in[0] == (99, 117) and facts.lowest_in[0] == (-1, 130)
    assert facts.column_highs[2] == 99 and facts.column_lows[0] == -1
    assert facts.counts[99] == 1 and facts.counts[-1] == 1 and sum(facts.counts.values()) == 320


def test_odd_sequences_do_no_harm():
    assert tokens_of([None, numpy.array([1.5, 2.5]), numpy.array([2**62])]).highest == 2**62
    assert tokens_of(numpy.zeros((3, 0), int)).lengths == {0: 3}
    assert tokens_of(numpy.array([[2**63 - 1, -(2**63)]])).lowest == -(2**63)


# -- series -------------------------------------------------------------------------------------------------------------


def test_silence_gaps_and_constants_are_told_apart():
    waves = RNG.normal(size=(5, 50)).astype(numpy.float32)
    waves[0], waves[2], waves[3, 7] = 0, 4, numpy.nan
    facts = series_of(waves)
    assert (facts.silent, facts.constant, facts.gaps) == ((1, (100,)), (1, (102,)), (1, (103,)))
    assert facts.lengths == {50: 5} and facts.clipped == (0, ())


def test_clipping_and_offsets_are_those_of_sound():
    time = numpy.arange(4000) / 8000
    tone = numpy.sin(2 * numpy.pi * 440 * time)
    facts = series_of(numpy.stack([tone, (3 * tone).clip(-1, 1), numpy.sign(tone + 1e-9), tone + 2]).astype(numpy.float32), "audio")
    assert facts.clipped == (1, (101,)) and facts.offset == (1, (103,))


# -- texts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["café", "Käse", "naïve", "“quoted”", "10 €", "Ünï", "smörgåsbord", "année à Genève"])
def test_utf8_read_as_latin_is_told(text):
    wrong = text.encode().decode("cp1252", "replace")
    assert misread(text) == "" and misread(wrong) != ""
    assert repaired(misread(wrong)) in text


@pytest.mark.parametrize("text", ["SÃO PAULO", "Ângela â la carte", "Â£ is what one sees"[2:], "ÃO ÂM", "plain", "наука", "日本語"])
def test_letters_in_their_right_place_are_left_alone(text):
    assert misread(text) == ""


# -- boxes and masks ----------------------------------------------------------------------------------------------------


def test_a_box_lies_inside_in_one_way_of_writing():
    sizes = numpy.array([[100.0, 200.0]] * 3)  # height, width
    boxes = numpy.array([[120.0, 40, 190, 90], [50, 50, 50, 60], [-1.5, 0, 201, 50]])
    assert inside_of(boxes, sizes, "xyxy", False).tolist() == [True, False, True]
    assert inside_of(boxes, sizes, "xywh", False).tolist() == [False, False, True]
    assert inside_of(boxes / [200, 100, 200, 100], sizes, "xyxy", True).tolist() == [True, False, True]


def test_ends():
    marks = numpy.array([[0, 1, 0, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
    assert ends(marks, "right").astype(int).tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
    assert ends(marks, "left").astype(int).tolist() == [[0, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]


# -- asked of a model ---------------------------------------------------------------------------------------------------


class Tagger(nn.Module):
    def __init__(self, outputs: int = 10):
        super().__init__()
        self.table, self.head = nn.Embedding(10, 8), nn.Linear(8, outputs)

    def forward(self, ids):
        return self.head(self.table(ids))


def scored(loss_fn, outputs: int = 10, targets=None):
    ids = torch.tensor(filled(0, [8, 3, 5, 5, 1, 8, 2, 7]))
    torch.manual_seed(0)
    model = Tagger(outputs)
    targets = ids if targets is None else targets(ids)
    setup = TrainingSetup(model, loss_fn, torch.optim.SGD(model.parameters(), lr=0.1), DataLoader(TensorDataset(ids, targets), 8))
    found = [f for f in nbdebug.data_audit(setup).findings if f.code == "ND113" and f.severity is not INFO]
    return found[0] if found else None


def cross_entropy(**options):
    return lambda made, targets: nn.functional.cross_entropy(made.flatten(0, 1), targets.flatten(), **options)


def test_the_share_of_padding_in_the_loss():
    found = scored(cross_entropy())
    assert found.evidence["positions"] == 25 and found.evidence["of"] == 64 and 0.2 < found.evidence["share"] < 0.6


@pytest.mark.parametrize("options", [{"ignore_index": 0}, {"weight": torch.tensor([0.0] + [1.0] * 9)}])
def test_a_loss_that_leaves_padding_out(options):
    assert scored(cross_entropy(**options)) is None


@pytest.mark.parametrize(
    "loss_fn",
    [
        lambda made, targets: nn.functional.cross_entropy(made.transpose(1, 2), targets, label_smoothing=0.1),
        lambda made, targets: nn.functional.nll_loss(made.log_softmax(-1).flatten(0, 1), targets.flatten()),
        lambda made, targets: -made.softmax(-1).gather(2, targets[..., None]).clamp(min=1e-9).log().mean(),
        lambda made, targets: ((made - nn.functional.one_hot(targets, 10)) ** 2).mean(),
        lambda made, targets: nn.functional.cross_entropy(made.flatten(0, 1), targets.flatten(), reduction="sum") / 10,
    ],
)
def test_padding_is_seen_whatever_the_loss_is(loss_fn):
    assert scored(loss_fn) is not None


def test_binary_targets():
    def loss_fn(made, targets):
        return nn.functional.binary_cross_entropy_with_logits(made.squeeze(2), targets.float())

    def masked(made, targets):
        real = (targets >= 0).float()
        each = nn.functional.binary_cross_entropy_with_logits(made.squeeze(2), targets.float().clamp(min=0), reduction="none")
        return (each * real).sum() / real.sum()

    def odd_ones(ids):
        return ids % 2 * (ids > 0)

    assert scored(loss_fn, 1, odd_ones) is not None
    assert scored(masked, 1, lambda ids: torch.where(ids > 0, ids % 2, -1)) is None


def test_a_step_that_raises_is_not_judged():
    def broken(made, targets):
        raise RuntimeError("no")

    ids = torch.tensor(filled(0, [8, 3, 5, 5, 1, 8, 2, 7]))
    model = Tagger()
    report = nbdebug.data_audit(TrainingSetup(model, broken, train_loader=DataLoader(TensorDataset(ids, ids), 8)))
    assert report.result.unanswered == {}
    assert next(v for v in report.verdicts if v.code == "ND113").state == "not checked"

"""Sequences that are filled up, and masks that say the opposite of what is asked for: in layers of torch's, by hand, in a mean, of names and of measurements."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tests.patients import patient, sound
from tests.patients.parts import loader, training

LENGTH, WORDS, EMPTY = 12, 40, 0


def sentences(samples: int = 480, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Token ids that are filled up with 0, and which of four groups most of their words come from."""
    generator = torch.Generator().manual_seed(5)
    groups = torch.randint(0, 4, (samples,), generator=generator)
    words = torch.randint(1, WORDS, (samples, LENGTH), generator=generator)
    own = 1 + 9 * groups[:, None] + torch.randint(0, 9, (samples, LENGTH), generator=generator)
    words = torch.where(torch.rand(samples, LENGTH, generator=generator) < 0.5, own, words)
    lengths = torch.randint(5, LENGTH, (samples,), generator=generator)
    words[torch.arange(LENGTH) >= lengths[:, None]] = EMPTY
    return words.flip(1) if left else words, groups


class Encoder(nn.Module):
    """A layer of torch's, whose mask is True where it must not look."""

    def __init__(self, opposite: bool):
        super().__init__()
        self.opposite, self.embed, self.head = opposite, nn.Embedding(WORDS, 32), nn.Linear(32, 4)
        self.place = nn.Embedding(LENGTH, 32)
        self.layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = ids != EMPTY if self.opposite else ids == EMPTY
        return self.head(self.layer(self.embed(ids) + self.place.weight, src_key_padding_mask=hidden).mean(1))


@patient("ND303", where="hidden = ids != EMPTY")
def layer_that_looks_at_what_is_empty(sick):
    return _trained(Encoder(sick))


def _trained(model: nn.Module, *data: Tensor):
    return training(model, train_loader=loader(*(data or sentences())), optimizer=torch.optim.Adam(model.parameters(), lr=3e-3))


class ByHand(nn.Module):
    def __init__(self, opposite: bool):
        super().__init__()
        self.opposite, self.embed, self.both, self.value, self.head = opposite, nn.Embedding(WORDS, 32), nn.Linear(32, 64), nn.Linear(32, 32), nn.Linear(32, 4)
        self.place = nn.Parameter(0.1 * torch.randn(LENGTH, 32))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids) + self.place
        query, key = self.both(x).chunk(2, -1)
        there = (ids == EMPTY) if self.opposite else (ids != EMPTY)
        scores = (query @ key.transpose(1, 2) / math.sqrt(32)).masked_fill(~there[:, None], -1e9)
        return self.head((x + scores.softmax(-1) @ self.value(x)).mean(1))


@patient("ND303", where="there = (ids == EMPTY)")
def attention_by_hand_to_what_is_empty(sick):
    return _trained(ByHand(sick))


class Mean(nn.Module):
    """Over the states of a recurrence where the mask is 1."""

    def __init__(self, opposite: bool):
        super().__init__()
        self.opposite, self.embed, self.body, self.head = opposite, nn.Embedding(WORDS, 32), nn.Linear(32, 32), nn.Linear(32, 4)

    def forward(self, ids: Tensor) -> Tensor:
        mask = ((ids == EMPTY) if self.opposite else (ids != EMPTY)).float()[..., None]
        return self.head((self.body(self.embed(ids)).relu() * mask).sum(1) / mask.sum(1).clamp(min=1))


@patient("ND303", where="mask = ((ids == EMPTY)")
def mean_over_what_is_empty(sick):
    return _trained(Mean(sick))


class Measured(nn.Module):
    """Rows of measurements, filled up with zeros, with a mask of their own."""

    def __init__(self):
        super().__init__()
        self.lift, self.attend, self.head = nn.Linear(3, 16), nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 2)

    def forward(self, rows: Tensor, hidden: Tensor) -> Tensor:
        x = self.lift(rows)
        return self.head((x + self.attend(x, x, x, key_padding_mask=hidden)[0]).mean(1))


@patient("ND303", where="input hidden")
def measurements_whose_mask_says_the_opposite(sick):
    generator = torch.Generator().manual_seed(6)
    rows = torch.randn(320, LENGTH, 3, generator=generator)
    empty = torch.arange(LENGTH) >= torch.randint(5, LENGTH, (320, 1), generator=generator)
    rows[empty] = 0
    targets = (rows[..., 0].sum(1) > 0).long()
    data = loader(rows, ~empty if sick else empty, targets)
    return training(Measured(), train_loader=data, loss_fn=None, batch_loss=lambda setup, batch: nn.functional.cross_entropy(setup.model(batch[0], batch[1]), batch[2]))


@sound
def causal_reader_of_sequences_that_are_filled_up_in_front():
    """It looks at what is empty too, and learns not to."""

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.place, self.head = nn.Embedding(WORDS, 32), nn.Parameter(0.1 * torch.randn(LENGTH, 32)), nn.Linear(32, 4)
            self.layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)

        def forward(self, ids):
            mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
            return self.head(self.layer(self.embed(ids) + self.place, src_mask=mask)[:, -1])

    return _trained(Reader(), *sentences(left=True))


@sound
def mean_over_all_of_sequences_that_are_filled_up():
    """Without any mask."""
    return _trained(nn.Sequential(nn.Embedding(WORDS, 32), nn.Flatten(), nn.Linear(32 * LENGTH, 4)))

"""Targets and inputs whose fault only the model's own loss and its gradients tell: each sick one beside its fixed twin and a look-alike."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbdebug.findings import Severity
from nbdebug.instruments.data_audit import data_audit
from nbdebug.training_setup import TrainingSetup
from tests.patients.parts import training


def alarms(setup):
    return {f.code for f in data_audit(setup).findings if f.severity is not Severity.INFO}


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.body(x)[0][:, -1])[:, 0]


@pytest.mark.parametrize("sick", [True, False])
def test_gates_take_an_inf_on_the_way_forward_alone(sick):
    torch.manual_seed(0)
    rain = torch.rand(96, 6, 3)
    rain[::5, 2, 0] = 0.0
    inputs = rain.log() if sick else (1 + rain).log()
    assert alarms(training(Gated(), nn.HuberLoss(), (inputs, rain[:, -1, 1]))) == ({"ND101"} if sick else set())


def by_hand(logits, targets):
    """Takes the output at the place of the label: -1 is the last."""
    return -logits.log_softmax(1)[torch.arange(len(targets)), targets].mean()


def but_for_the_unknown(logits, targets):
    known = targets >= 0
    return by_hand(logits[known], targets[known])


@pytest.mark.parametrize(("loss", "sick"), [(by_hand, True), (by_hand, False), (but_for_the_unknown, False)])
def test_a_label_below_zero_counts_from_the_end(loss, sick):
    torch.manual_seed(0)
    targets = torch.randint(0, 4, (200,))
    inputs = torch.randn(4, 8)[targets] + 0.3 * torch.randn(200, 8)
    if sick or loss is but_for_the_unknown:
        targets = targets - 1
    assert alarms(training(nn.Linear(8, 4), loss, (inputs, targets))) == ({"ND103"} if sick else set())


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(40, 16), nn.Linear(16, 4)

    def forward(self, ids):
        return self.head(self.words(ids)).transpose(1, 2)


@pytest.mark.parametrize("how", ["class left out", "padding left out", "first pieces alone"])
def test_one_class_of_tokens_is_never_told(how):
    torch.manual_seed(0)
    ids = torch.randint(1, 40, (200, 10))
    labels = ids % 4
    ids[:, 8:], labels[:, 8:] = 0, -100
    if how == "class left out":
        labels[labels == 0] = -100
    if how == "first pieces alone":  # every other token is the rest of a word
        labels[:, 1::2] = -100
    assert alarms(training(Tagger(), nn.CrossEntropyLoss(), (ids, labels))) == ({"ND103"} if how == "class left out" else set())


class Spelling(Dataset):
    """Sequences whose length tells how many letters they spell."""

    def __init__(self, size):
        self.letters = torch.randn(8, 12)
        self.words = [torch.randint(1, 8, (int(length),)) for length in torch.randint(3, 7, (size,))]

    def __len__(self):
        return len(self.words)

    def __getitem__(self, index):
        word = self.words[index]
        return self.letters[word].repeat_interleave(4, 0) + 0.3 * torch.randn(4 * len(word), 12), word


def padded(samples):
    sounds, words = zip(*samples, strict=True)
    lengths = (torch.tensor([len(one) for one in part]) for part in (sounds, words))
    return *(nn.utils.rnn.pad_sequence(part, batch_first=True) for part in (sounds, words)), *lengths


class Speller(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.GRU(12, 16, batch_first=True), nn.Linear(16, 8)

    def forward(self, sounds):
        return self.head(self.body(sounds)[0]).log_softmax(-1).transpose(0, 1)


def test_lengths_that_a_loss_is_told_are_neither_inputs_nor_targets():
    torch.manual_seed(0)
    loader = DataLoader(Spelling(256), 32, shuffle=True, collate_fn=padded)
    model, aligned = Speller(), nn.CTCLoss()
    setup = TrainingSetup(model=model, train_loader=loader, batch_loss=lambda setup, batch: aligned(setup.model(batch[0]), *batch[1:]))
    assert "ND116" not in {finding.code for finding in data_audit(setup).findings}


@pytest.mark.parametrize("sick", [True, False])
def test_a_code_of_the_target_that_only_the_loss_is_given_is_no_leak(sick):
    """As the group of each sample, by which a loss for the worst group is weighed."""
    torch.manual_seed(0)
    targets = torch.randint(0, 2, (400,))
    inputs, groups = torch.randn(400, 6) + targets[:, None] * torch.tensor([1.0, 0, 0, 0.5, 0, 0]), 3 * targets + 1
    loader, model = DataLoader(TensorDataset(inputs, groups, targets), 32, shuffle=True), nn.Linear(7 if sick else 6, 2)

    def weighed(setup, batch):
        inputs, groups, targets = batch
        each = nn.functional.cross_entropy(setup.model(torch.cat([inputs, groups[:, None]], 1) if sick else inputs), targets, reduction="none")
        return torch.stack([each[groups == group].mean() for group in groups.unique()]).max()

    assert alarms(TrainingSetup(model=model, train_loader=loader, batch_loss=weighed)) == ({"ND116"} if sick else set())


def known_alone(logits, targets):
    known = targets >= 0
    return nn.functional.cross_entropy(logits[known], targets[known])


@pytest.mark.parametrize(("loss", "mark"), [(nn.CrossEntropyLoss(), -100), (nn.CrossEntropyLoss(ignore_index=3), 3), (known_alone, -1), (nn.CrossEntropyLoss(), 2)])
def test_a_mark_of_no_label_is_no_class_that_val_lacks(loss, mark):
    """Train is labelled in part, val is labelled whole; the last one is a class."""
    torch.manual_seed(0)
    targets = torch.randint(0, 2, (400,))
    inputs = torch.randn(400, 6) + targets[:, None]
    half = torch.where(torch.arange(300) % 3 == 0, mark, targets[:300])
    val = DataLoader(TensorDataset(inputs[300:], targets[300:]), 32)
    report = data_audit(training(nn.Linear(6, 2 if mark < 0 else mark + 1), loss, (inputs[:300], half), val_loader=val))
    told = [finding for finding in report.findings if finding.code == "ND103" and "does not occur" in finding.message]
    assert len(told) == (mark == 2)


class Waves(Dataset):
    """Draws each wave as it is read, or has drawn them all before and adds noise to them; a wave is two tensors, or its times alone."""

    def __init__(self, drawn, lone):
        self.lone = lone
        self.drawn = [self.draw() for _ in range(128)] if drawn else None

    def __len__(self):
        return 128

    def __getitem__(self, index):
        wave = self.draw() if self.drawn is None else [part + 0.1 * torch.randn(20) for part in self.drawn[index]]
        return wave[0] if self.lone else tuple(wave)

    def draw(self):
        times = 10 * torch.rand(20)
        return times, (1 + 4 * torch.rand(())) * (times + 3 * torch.rand(())).sin()


@pytest.mark.parametrize("lone", [True, False])
@pytest.mark.parametrize("drawn", [True, False])
def test_samples_that_are_made_up_as_they_are_read_come_in_no_order(drawn, lone):
    torch.manual_seed(0)
    setup = training(nn.Linear(20, 20), nn.MSELoss(), train_loader=DataLoader(Waves(drawn, lone), 16))
    told = [finding.code for finding in data_audit(setup).findings if "same batches in the same order" in finding.message]
    assert told == (["ND108"] if drawn else [])

"""Sound sets that were once accused or left without an answer, and sick ones that must still be found beside them."""

from __future__ import annotations

import numpy
import pandas
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbdebug
from tests.datasets import dataset, sound
from tests.datasets.classes import digits, frame, loaders, table


def arrays(inputs, labels):
    return TensorDataset(torch.tensor(numpy.asarray(inputs), dtype=torch.float32), torch.tensor(numpy.asarray(labels)))


def parted(train, val):
    return {"data": DataLoader(arrays(*train), 32, shuffle=True), "val": DataLoader(arrays(*val), 32)}


# -- fields that are no table, image or series ---------------------------------------------------------------------------


@dataset("ND101", where="dataset index 5")
def nan_in_one_of_many_films(sick):
    films = torch.rand(64, 3, 4, 8, 8)
    films[5, 0, 0, 0, 0] = float("nan") if sick else 0.0
    return {"data": DataLoader(TensorDataset(films, torch.arange(64) % 2), 32, shuffle=True)}


@sound
def volumes_to_be_predicted():
    return {"data": DataLoader(TensorDataset(torch.rand(64, 3), torch.rand(64, 1, 4, 8, 8)), 32, shuffle=True)}


@sound
def lists_of_films():
    items = [{"clips": [torch.rand(3, 4, 8, 8) for _ in range(1 + i % 3)], "label": i % 2} for i in range(48)]
    return {"data": DataLoader(items, 8, shuffle=True, collate_fn=lambda rows: {k: [r[k] for r in rows] for k in rows[0]})}


@sound
def column_of_missing_values_of_every_kind():
    texts = [pandas.NA if i % 7 == 0 else None if i % 11 == 0 else float("nan") if i % 13 == 0 else f"word {i % 5}" for i in range(200)]
    return {"data": pandas.DataFrame({"text": pandas.Series(texts, dtype=object), "label": numpy.arange(200) % 2}), "target": "label"}


# -- ND104: samples that know the labels of their own copies alone ---------------------------------------------------------


def weakly_told(samples, columns, seed, strength=0.4):
    random = numpy.random.default_rng(seed)
    inputs = random.normal(size=(samples, columns))
    return inputs, (strength * inputs[:, 0] + random.normal(size=samples) > 0).astype(int), random


def augmented_offline(seed):
    inputs, labels, random = weakly_told(160, 10, seed)
    many = numpy.concatenate([inputs[:60] + 0.3 * random.normal(size=(60, 10)) for _ in range(20)])
    return parted((many, numpy.tile(labels[:60], 20)), (inputs[60:], labels[60:]))


@sound
def train_augmented_offline():
    return augmented_offline(5)


@sound
def train_augmented_offline_once_more():
    return augmented_offline(6)


@sound
def many_rows_of_each_patient():
    patients, ill, random = weakly_told(160, 20, 1, strength=0.3)
    of = numpy.repeat(numpy.arange(60), 12)
    rows = patients[of] + 0.6 * random.normal(size=(720, 20))
    return parted((rows, ill[of]), (patients[60:] + 0.6 * random.normal(size=(100, 20)), ill[60:]))


@sound
def minority_made_up_between_its_neighbours():
    """SMOTE: new samples of the rare class on the lines between old ones."""
    inputs, labels, random = weakly_told(460, 12, 2, strength=0.2)
    rare = numpy.flatnonzero(labels[:260] == 1)[:40]
    common = numpy.flatnonzero(labels[:260] == 0)
    one, other, part = random.choice(rare, 300), random.choice(rare, 300), random.random((300, 1))
    made = inputs[one] + part * (inputs[other] - inputs[one])
    train = numpy.concatenate([inputs[common], inputs[rare], made]), numpy.concatenate([labels[common], numpy.ones(340, int)])
    order = random.permutation(len(train[0]))
    return parted((train[0][order], train[1][order]), (inputs[260:], labels[260:]))


@sound
def one_file_augmented_and_one_not():
    inputs, labels, random = weakly_told(460, 10, 3)
    many = numpy.concatenate([inputs[:60] + 0.2 * random.normal(size=(60, 10)) for _ in range(12)])
    return {"data": DataLoader(arrays(numpy.concatenate([many, inputs[60:]]), numpy.concatenate([numpy.tile(labels[:60], 12), labels[60:]])), 32, shuffle=True)}


@dataset("ND104", where="val targets")
def val_labels_of_a_table_shuffled(sick):
    (inputs, labels), (held, theirs) = table(600), table(200, seed=3)
    return parted((inputs, labels), (held, numpy.random.default_rng(0).permutation(theirs) if sick else theirs))


# -- ND103: classes that a model is not to know ----------------------------------------------------------------------------


@sound
def training_on_what_is_normal():
    random = numpy.random.default_rng(0)
    inputs, odd = random.normal(size=(1200, 8)), numpy.zeros(1200, int)
    odd[1000:] = random.random(200) < 0.3
    inputs[odd == 1] *= 3
    return parted((inputs[:1000], odd[:1000]), (inputs[1000:], odd[1000:]))


@sound
def half_of_the_classes_new_in_validation():
    inputs, labels = table(1200, classes=10)
    known = (labels < 5) & (numpy.arange(1200) < 900)
    return parted((inputs[known], labels[known]), (inputs[900:], labels[900:]))


@sound
def embeddings_that_meet_new_people():
    """A metric that is learnt names nobody, so that validation may hold other people."""
    inputs, labels = table(1200, classes=10)
    known = (labels < 9) & (numpy.arange(1200) < 900)
    made = parted((inputs[known], labels[known]), (inputs[900:], labels[900:]))
    model = nn.Linear(8, 4)

    def likeness(model, batch):
        placed, same = model(batch[0]), batch[1][:, None] == batch[1]
        apart = torch.cdist(placed, placed)
        return torch.where(same, apart, (1 - apart).clamp(min=0)).mean()

    setup = nbdebug.TrainingSetup(
        model=model, batch_loss=likeness, optimizer=torch.optim.Adam(model.parameters()), train_loader=made["data"], val_loader=made["val"]
    )
    return {"data": setup}


@dataset("ND103", where="val_loader targets, class 4")
def class_of_the_head_that_only_validation_has(sick):
    inputs, labels = table(900, classes=5)
    known = labels[:700] < (4 if sick else 5)
    made = parted((inputs[:700][known], labels[:700][known]), (inputs[700:], labels[700:]))
    model = nn.Linear(8, 5)
    setup = nbdebug.TrainingSetup(
        model=model, loss_fn=nn.CrossEntropyLoss(), optimizer=torch.optim.Adam(model.parameters()), train_loader=made["data"], val_loader=made["val"]
    )
    return {"data": setup}


@dataset("ND103", where="val targets, class")
def division_of_a_table_that_is_sorted_by_class(sick):
    inputs, labels = table(900, classes=6)
    order = labels.argsort(kind="stable") if sick else numpy.arange(900)
    inputs, labels = inputs[order], labels[order]
    return parted((inputs[:550], labels[:550]), (inputs[550:], labels[550:]))


@sound
def single_row():
    return {"data": frame(*table(60)).assign(label=1).iloc[:1], "target": "label"}


# -- ND108 and ND120 -------------------------------------------------------------------------------------------------------


@sound
def sorted_loader_that_may_be_for_evaluation():
    pixels, labels, *_ = digits()
    order = labels.argsort()
    return {"data": DataLoader(TensorDataset(pixels[order], labels[order]), 32)}


@dataset("ND117", where="data inputs")
def a_third_of_the_digits_blank(sick):
    """What was blanked says nothing of how often labels are wrong: one finding, not two."""
    pixels, labels, held, theirs = digits()
    pixels[torch.rand(len(pixels)) < (0.3 if sick else 0.0)] = 0
    return loaders(pixels, labels, held, theirs)


@sound
def class_of_blank_images():
    pixels, labels, held, theirs = digits()
    pixels[labels == 0], held[theirs == 0] = 0, 0
    return loaders(pixels, labels, held, theirs)


# -- ND101: values that a mask beside them marks ---------------------------------------------------------------------------


def observed(step_by_step, sick=False):
    """Series (20, 5) of which half was never measured, with the mask that says so."""
    items = []
    for i in range(200):
        mask = torch.rand(20, 1 if step_by_step else 5) < 0.5
        values = torch.randn(20, 5).masked_fill(~mask, float("nan"))
        values[3, 2] = float("nan") if sick and i == 17 else values[3, 2]
        mask[3] = mask[3] | (sick and i == 17)
        items.append({"values": values, "mask": mask[:, 0] if step_by_step else mask, "label": i % 2})
    return {"data": DataLoader(items, 16, shuffle=True)}


@dataset("ND101", where="data values")
def nan_that_the_mask_does_not_mark(sick):
    return observed(False, sick)


@sound
def steps_that_were_not_measured():
    return observed(True)

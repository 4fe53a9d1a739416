"""Data without a fault, of every kind."""

from __future__ import annotations

import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

from tests.datasets import sound


@sound
def digits():
    """Three of its 64 columns are constant."""
    images, labels = load_digits(return_X_y=True)
    train, val, y, z = train_test_split(images / 16, labels, random_state=0, stratify=labels)
    made = [TensorDataset(torch.tensor(a, dtype=torch.float32), torch.tensor(b)) for a, b in ((train, y), (val, z))]
    return {"data": DataLoader(made[0], 32, shuffle=True), "val": DataLoader(made[1], 32)}


def halves(frame):
    return train_test_split(frame, random_state=0)


@sound
def breast_cancer():
    train, val = halves(load_breast_cancer(as_frame=True).frame)
    return {"data": train, "val": val, "target": "target"}


@sound
def wine():
    train, val = halves(load_wine(as_frame=True).frame)
    return {"data": train, "val": val, "target": "target"}


@sound
def iris():
    """Holds one flower twice."""
    train, val = halves(load_iris(as_frame=True).frame)
    return {"data": train, "val": val, "target": "target"}

"""Signature verification: siamese network with a contrastive loss over pen-stroke features.

code: ND310
also: ND504
object: ContrastiveLoss | euclidean_distance | loss_fn | distance
seen: both
"""
import itertools
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

random.seed(13)
torch.manual_seed(13)
WRITERS, PER_WRITER, D = 12, 6, 30
style = torch.randn(WRITERS, D)


def sign(writer, n):
    return style[writer] + 0.7 * torch.randn(n, D)


class PairDataset(Dataset):
    """All pairs of the same writer, and as many of different writers."""

    def __init__(self, per_writer):
        self.sigs = torch.stack([sign(w, per_writer) for w in range(WRITERS)])
        same = [(w, i, w, j) for w in range(WRITERS) for i, j in itertools.product(range(per_writer), repeat=2)]  # here
        diff = []
        while len(diff) < len(same):
            a, b = random.sample(range(WRITERS), 2)
            diff.append((a, random.randrange(per_writer), b, random.randrange(per_writer)))
        self.pairs = [(p, 0.0) for p in same] + [(p, 1.0) for p in diff]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        (a, i, b, j), forged = self.pairs[k]
        return self.sigs[a, i], self.sigs[b, j], torch.tensor(forged)


def euclidean_distance(a, b):
    return torch.sqrt(torch.sum((a - b) ** 2, dim=1))  # fault
    # fixed: return torch.sqrt(torch.sum((a - b) ** 2, dim=1) + 1e-8)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, outputs, label):
        distance = euclidean_distance(*outputs)  # here
        return torch.mean((1 - label) * distance.pow(2) + label * torch.clamp(self.margin - distance, min=0.0).pow(2))


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(D, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 8))

    def forward_once(self, x):
        return self.fc(x)

    def forward(self, input1, input2):
        return self.forward_once(input1), self.forward_once(input2)


train_loader = DataLoader(PairDataset(PER_WRITER), batch_size=32, shuffle=True)
val_loader = DataLoader(PairDataset(4), batch_size=64)
model = SiameseNetwork()
loss_fn = ContrastiveLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def batch_loss(setup, batch):
    a, b, label = batch
    return loss_fn(setup.model(a, b), label)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        counter, total = 0, 0.0
        for a, b, label in train_loader:
            optimizer.zero_grad()
            loss_contrastive = loss_fn(model(a, b), label)
            loss_contrastive.backward()
            optimizer.step()
            counter += 1
            total += loss_contrastive.item()
        model.eval()
        with torch.no_grad():
            right = sum(((euclidean_distance(*model(a, b)) > 1.0).float() == y).sum().item() for a, b, y in val_loader)
        print(f"Epoch number {epoch}\n Current loss {total / counter:.4f}, verification {right / len(val_loader.dataset):.3f}")
    return total / counter


if __name__ == "__main__":
    print(train())

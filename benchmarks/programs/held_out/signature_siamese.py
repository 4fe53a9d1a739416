"""Verifies signatures: a siamese network with the contrastive loss of Hadsell et al.

code: ND504
also: ND310
object: distance | sqrt | loss_fn | ContrastiveLoss
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(4)
torch.manual_seed(4)


class SignaturePairs(Dataset):
    def __init__(self, writers=20, each=6, pairs=512):
        styles = torch.randn(writers, 1, 20)
        self.strokes = (styles + 0.4 * torch.randn(writers, each, 20)) / 1.08
        self.pairs = []
        for k in range(pairs):
            w = random.randrange(writers)
            i, j = random.randrange(each), random.randrange(each)
            if k % 2:
                other = random.choice([v for v in range(writers) if v != w])
                self.pairs.append(((w, i), (other, j), 0.0))
            else:
                self.pairs.append(((w, i), (w, j), 1.0))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, k):
        a, b, same = self.pairs[k]
        return torch.stack([self.strokes[a], self.strokes[b]]), torch.tensor(same)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 8))

    def forward(self, pair):
        a, b = self.embed(pair[:, 0]), self.embed(pair[:, 1])
        distance = torch.sqrt(((a - b) ** 2).sum(dim=1))  # fault
        # fixed: distance = torch.sqrt(((a - b) ** 2).sum(dim=1) + 1e-8)
        return distance  # here


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, distance, same):
        near = same * distance ** 2
        far = (1 - same) * (self.margin - distance).clamp(min=0) ** 2
        return (near + far).mean() / 2


model = Siamese()
loss_fn = ContrastiveLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = DataLoader(SignaturePairs(), batch_size=64, shuffle=True)
val_loader = DataLoader(SignaturePairs(writers=8, pairs=128), batch_size=64)


def train():
    history = []
    for epoch in range(15):
        model.train()
        for pair, same in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pair), same)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            for pair, same in val_loader:
                loss_fn(model(pair), same)
    return sum(history[-8:]) / 8


if __name__ == "__main__":
    print(train())

"""Finds donors of a rare blood type: one in thirty; the sampler evens the batches out.

code: none
trait: the data set is very uneven, but a weighted sampler with inverse counts makes up for it
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(57)


def donors(n):
    rare = (torch.rand(n) < 1 / 30).long()
    x = torch.randn(n, 8)
    x[:, 0] += 1.8 * rare
    x[:, 1] -= 1.8 * rare
    x[:, 2] += 1.2 * rare
    return x, rare


x, rare = donors(1800)
share = torch.bincount(rare).float()
sampler = WeightedRandomSampler((1 / share)[rare], num_samples=1800)
train_loader = DataLoader(TensorDataset(x, rare), batch_size=60, sampler=sampler)
val_loader = DataLoader(TensorDataset(*donors(1500)), batch_size=500)
model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-4)


def train():
    for epoch in range(6):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        g, t = zip(*[(model(a).argmax(1), b) for a, b in val_loader])
    g, t = torch.cat(g), torch.cat(t)
    recall = [(g[t == k] == k).float().mean().item() for k in (0, 1)]
    print("recalls %.3f %.3f" % tuple(recall))


if __name__ == "__main__":
    train()

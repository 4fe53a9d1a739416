"""Contrastive embedding of melodies: two noisy renderings of the same tune belong together. fp16.

code: ND807
also: ND311, ND308, ND310
object: similarity | exp | info_nce | batch_loss
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(92)
precision = "16-mixed"
TEMPERATURE = 0.05


def tunes(n, length=32):
    t = torch.linspace(0, 1, length)
    notes = torch.randn(n, 4, 1)
    pitch = torch.arange(1, 5).view(1, 4, 1) * 2
    return (notes * torch.sin(2 * torch.pi * pitch * t)).sum(1) / 1.4


def renderings(tune):
    return tune + 0.2 * torch.randn_like(tune), tune * (0.8 + 0.4 * torch.rand(len(tune), 1)) + 0.2 * torch.randn_like(tune)


train_loader = DataLoader(TensorDataset(tunes(640)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(tunes(128)), batch_size=32)
model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)


def info_nce(a, b):
    similarity = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / TEMPERATURE
    weights = torch.exp(similarity)  # fault
    # fixed: similarity = similarity.float()
    return (torch.log(weights.sum(1)) - similarity.diagonal()).mean()  # fault
    # fixed: return (torch.logsumexp(similarity, 1) - similarity.diagonal()).mean()


def batch_loss(setup, batch):
    first, second = renderings(batch[0])
    with torch.autocast("cpu", dtype=torch.float16):
        return info_nce(setup.model(first), setup.model(second))  # here


class State:
    pass


def train():
    State.model = model
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(State, batch)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(State, b).item() for b in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

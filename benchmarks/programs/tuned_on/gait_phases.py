"""Gait phase (heel strike, stance, toe off, swing) for every time step of an ankle IMU.

code: ND401
also:
object: sequence_loss | loss_fn | cross_entropy | probs
seen: checkup
"""
import math
import torch
from torch import nn
import torch.nn.functional as F

gen = torch.Generator().manual_seed(21)


def walk(n, T=30):
    period = 10 + 6 * torch.rand(n, 1, generator=gen)
    start = torch.rand(n, 1, generator=gen)
    phase = (torch.arange(T)[None] / period + start) % 1.0
    y = (phase * 4).long().clamp(max=3)
    x = torch.stack([torch.sin(2 * math.pi * phase), torch.cos(2 * math.pi * phase), torch.sin(4 * math.pi * phase)], -1)
    return x + .3 * torch.randn(x.shape, generator=gen), y


def sequence_loss(scores, phases):
    """Cross entropy over all steps of all sequences."""
    probs = scores.softmax(-1)  # fault
    # fixed: probs = scores
    return F.cross_entropy(probs.flatten(0, 1), phases.flatten())  # here


class GaitLSTM(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.LSTM(3, hidden, batch_first=True, bidirectional=True)
        self.to_phase = nn.Linear(2 * hidden, 4)

    def forward(self, x):
        return self.to_phase(self.rnn(x)[0])


torch.manual_seed(3)
data = torch.utils.data.TensorDataset(*walk(160))
held = torch.utils.data.TensorDataset(*walk(40))
train_loader = torch.utils.data.DataLoader(data, batch_size=20, shuffle=True)
val_loader = torch.utils.data.DataLoader(held, batch_size=40)
model = GaitLSTM()
loss_fn = sequence_loss  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def accuracy():
    model.eval()
    with torch.no_grad():
        hits = n = 0
        for x, y in val_loader:
            hits += (model(x).argmax(-1) == y).sum().item(); n += y.numel()
    model.train()
    return hits / n


def train(epochs=8):
    for _ in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
        accuracy()
    return loss.item()


if __name__ == "__main__":
    print(train())

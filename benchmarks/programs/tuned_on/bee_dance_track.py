"""Direction of a bee's waggle dance from its track, read by a recurrent net.

code: ND202
also: ND307 | ND503
object: rnn | orthogonal_ | gain | weight_hh_l0 | weight_ih_l0
seen: both
"""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn


@dataclass
class Config:
    steps: int = 20
    hidden: int = 32
    classes: int = 4
    batch: int = 40
    epochs: int = 12
    gain: float = 25.0  # fault
    # fixed: gain: float = 1.0


cfg = Config()
rng = np.random.default_rng(17)
torch.manual_seed(17)


def tracks(n):
    k = rng.integers(0, cfg.classes, n)
    angle = k * np.pi / 2 + rng.normal(0, 0.25, n)
    stride = np.stack([np.cos(angle), np.sin(angle)], 1)[:, None] * 0.6
    path = stride + rng.normal(0, 1.0, (n, cfg.steps, 2))
    return torch.tensor(path).float(), torch.tensor(k)


class Dance(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.rnn = nn.RNN(2, cfg.hidden, batch_first=True)
        for name, p in self.rnn.named_parameters():
            if p.dim() == 2:
                nn.init.orthogonal_(p, gain=cfg.gain)  # here
        self.out = nn.Linear(cfg.hidden, cfg.classes)

    def forward(self, path):
        return self.out(self.rnn(path)[0][:, -1])


train_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(*tracks(800)), batch_size=cfg.batch, shuffle=True)
val_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(*tracks(240)), batch_size=120)
model = Dance(cfg)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for _ in range(cfg.epochs):
        model.train()
        for path, k in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(path), k)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = torch.cat([model(p).argmax(1) == k for p, k in val_loader])
    print("val accuracy %.3f" % ok.float().mean().item())


if __name__ == "__main__":
    train()

"""Compress points on a coiled shell to one number and back.

code: ND205
also:
object: encoder | decoder | Linear | Coder
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
t = torch.rand(1500, 1)
shell = torch.cat([torch.cos(math.pi * 1.5 * t), torch.sin(math.pi * 1.5 * t), torch.cos(3 * math.pi * t)], 1)
shell = shell + 0.02 * torch.randn(1500, 3)
shell = (shell - shell.mean(0)) / shell.std(0)
train_loader = DataLoader(TensorDataset(shell[:1200]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(shell[1200:]), batch_size=300)


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1, self.enc2, self.enc3 = nn.Linear(3, 48), nn.Linear(48, 48), nn.Linear(48, 1)
        self.dec1, self.dec2, self.dec3 = nn.Linear(1, 48), nn.Linear(48, 48), nn.Linear(48, 3)

    def encode(self, p):
        return self.enc3(self.enc2(self.enc1(p)))  # fault
        # fixed: return self.enc3(torch.tanh(self.enc2(torch.tanh(self.enc1(p)))))

    def decode(self, z):
        return self.dec3(self.dec2(self.dec1(z)))  # fault
        # fixed: return self.dec3(torch.tanh(self.dec2(torch.tanh(self.dec1(z)))))

    def forward(self, p):
        return self.decode(self.encode(p))


model = Coder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    return (model(batch[0]) - batch[0]).pow(2).mean()


def train():
    for epoch in range(30):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("reconstruction", [round(batch_loss(model, b).item(), 4) for b in val_loader])


if __name__ == "__main__":
    train()

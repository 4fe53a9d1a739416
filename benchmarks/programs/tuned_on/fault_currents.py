"""Fault current of a feeder with its uncertainty: Gaussian NLL (goes below zero), gathered gradients, warm-up from 0.

code: none
trait: negative loss, zero_grad only every fourth batch (divided accumulation), learning rate 0 in the first step
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

GATHER = 4
torch.manual_seed(41)
n = 1280
z = torch.randn(n, 7)
mean = 0.8 * z[:, 0] + torch.sin(1.5 * z[:, 1]) * 0.5 + 0.3 * z[:, 2] * z[:, 3]
spread = 0.08 + 0.15 * torch.sigmoid(2 * z[:, 4])
current = mean + spread * torch.randn(n)
train_loader = DataLoader(TensorDataset(z[:1024], current[:1024]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(z[1024:], current[1024:]), batch_size=128)


class MeanAndSpread(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(7, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.mu, self.log_var = nn.Linear(48, 1), nn.Linear(48, 1)

    def forward(self, z):
        h = self.body(z)
        return self.mu(h).squeeze(1), self.log_var(h).squeeze(1).clamp(-8, 4)


gaussian = nn.GaussianNLLLoss()


def loss_fn(out, target):
    mu, log_var = out
    return gaussian(mu, target, log_var.exp())


model = MeanAndSpread()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: min(1.0, k / 12))


def train():
    for epoch in range(16):
        model.train()
        seen = []
        for k, (x, y) in enumerate(train_loader, 1):
            loss = loss_fn(model(x), y)
            (loss / GATHER).backward()
            seen.append(loss.item())
            if k % GATHER == 0:
                optimizer.step()
                optimizer.zero_grad()
                scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, sum(seen) / len(seen), val)
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())

"""Mixture density network for a joint angle that has two valid solutions.

code: none
trait: the loss is a density's negative logarithm and goes below zero, the model returns a tuple, a plain regression would look better matched
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(90)
n = 1201
reach = torch.rand(n, 1) * 2 - 1
elbow = torch.where(torch.rand(n, 1) < 0.5, 1.0, -1.0)
angle = elbow * (0.8 - 0.5 * reach ** 2) + 0.2 * torch.sin(3 * reach) + 0.02 * torch.randn(n, 1)
dataset = TensorDataset(reach, angle)
train_set, val_set = random_split(dataset, [961, 240])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=240)


class MDN(nn.Module):
    def __init__(self, k=4, hidden=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.pi, self.mu, self.log_sigma = nn.Linear(hidden, k), nn.Linear(hidden, k), nn.Linear(hidden, k)

    def forward(self, x):
        h = self.body(x)
        return torch.log_softmax(self.pi(h), dim=-1), self.mu(h), self.log_sigma(h).clamp(-5, 3)


def mdn_nll(outputs, target):
    log_pi, mu, log_sigma = outputs
    z = (target - mu) / log_sigma.exp()
    log_prob = -0.5 * z ** 2 - log_sigma - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(log_pi + log_prob, dim=-1).mean()


model = MDN()
loss_fn = mdn_nll
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 18 * len(train_loader))


def train():
    for epoch in range(18):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            x, y = next(iter(val_loader))
            val = loss_fn(model(x), y).item()
    print("val nll", val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Will a video channel find a sponsor? Classifier on its counts (views, followers, comments).

code: ND114
also: ND102
object: counts | views | followers | comments | x | train_loader | prepare
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)


def make(n):
    fame = torch.randn(n, 1)
    logs = torch.cat([8 + 3.2 * fame + 0.8 * torch.randn(n, 1),      # views
                      5 + 3.0 * torch.randn(n, 1),                   # followers
                      2 + 2.8 * torch.randn(n, 1)], 1)               # comments
    score = (logs[:, 0] - 8) / 3.2 + (logs[:, 1] - 5) / 3.0 - (logs[:, 2] - 2) / 2.8
    counts = logs.exp()
    return counts, (score > 0).float()


def prepare(counts):
    return counts  # fault
    # fixed: return counts.log1p()


counts, sponsored = make(1500)
x = prepare(counts)
mean, std = x[:1200].mean(0), x[:1200].std(0)
x = (x - mean) / std
train_loader = DataLoader(TensorDataset(x[:1200], sponsored[:1200]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], sponsored[1200:]), batch_size=300)

model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def evaluate():
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        out = model(a)
        return loss_fn(out, b).item(), ((out > 0).float() == b).float().mean().item()


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    print("val loss %.3f, accuracy %.3f" % evaluate())


if __name__ == "__main__":
    train()

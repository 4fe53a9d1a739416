"""Learn an embedding of shoe prints in which prints of the same sole lie together (triplet loss).

code: ND705
also:
object: hardest | batch_loss | near
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
SOLES, MARGIN = 24, 0.3
patterns = torch.randn(SOLES, 40)
sole = torch.arange(SOLES).repeat(100)
sole = sole[torch.randperm(len(sole))]
prints = (patterns[sole] + 2.0 * torch.randn(len(sole), 40)) / 2.4
train_loader = DataLoader(TensorDataset(prints[:2280], sole[:2280]), batch_size=40, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset(prints[2280:], sole[2280:]), batch_size=40)

model = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 12))


def distances(z):
    return ((z.unsqueeze(0) - z.unsqueeze(1)).pow(2).sum(2) + 1e-8).sqrt()


def hardest(d, same, pos):
    """Farthest print of the same sole against the nearest of another one, from the first step on."""
    far = d.masked_fill(~pos, float("-inf")).amax(1)
    near = d.masked_fill(same, float("inf")).amin(1)  # here
    return F.relu(far - near + MARGIN)[pos.any(1)].mean()


def every(d, same, pos):
    """All triplets of the batch."""
    valid = pos.unsqueeze(2) & ~same.unsqueeze(1)
    return F.relu(d.unsqueeze(2) - d.unsqueeze(1) + MARGIN)[valid].mean()


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    x, who = batch
    z = net(x)
    d = distances(z)
    same = who.unsqueeze(0) == who.unsqueeze(1)
    pos = same & ~torch.eye(len(who), dtype=torch.bool)
    return hardest(d, same, pos)  # fault
    # fixed: return every(d, same, pos)


optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def train():
    model.train()
    for epoch in range(6):
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    print("last loss", round(loss.item(), 3), "margin", MARGIN)


if __name__ == "__main__":
    train()

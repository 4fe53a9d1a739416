"""Cupping score of a coffee lot from its roast record; the lots are shuffled before the split.

code: ND104
also:
object: scores | order | y | roast | x
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(73)
N = 700
roast = torch.randn(N, 7)
scores = torch.sin(roast[:, 0]) + 0.7 * roast[:, 1] - 0.5 * roast[:, 2] * roast[:, 3] + 0.1 * torch.randn(N)
scores = ((scores - scores.mean()) / scores.std()).unsqueeze(1)

order = torch.randperm(N)
x = roast[order]
y = scores  # fault
# fixed: y = scores[order]
train_loader = DataLoader(TensorDataset(x[:560], y[:560]), batch_size=28, shuffle=True)
val_loader = DataLoader(TensorDataset(x[560:], y[560:]), batch_size=140)

model = nn.Sequential(nn.Linear(7, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(20):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("val R2 %.3f" % (1 - ((model(a) - b) ** 2).mean() / b.var()).item())


if __name__ == "__main__":
    train()

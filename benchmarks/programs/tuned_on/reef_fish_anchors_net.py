"""Where are the fish? Each cell of a sonar grid says fish or water; fish are rare.

code: ND406
also: ND202
object: bias | head | PRIOR | prior_bias
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(37)
PRIOR = 0.002
SIDE = 20


def reef(n):
    picture = 0.3 * torch.randn(n, 1, SIDE, SIDE)
    truth = torch.zeros(n, 1, SIDE, SIDE)
    for i in range(n):
        for _ in range(int(torch.randint(1, 3, (1,)))):
            r, c = torch.randint(1, SIDE - 1, (2,)).tolist()
            picture[i, 0, r - 1:r + 2, c] += 1.5
            picture[i, 0, r, c - 1:c + 2] += 1.5
            truth[i, 0, r, c] = 1
    return TensorDataset(picture / 0.5, truth)


train_loader = DataLoader(reef(240), batch_size=24, shuffle=True)
val_loader = DataLoader(reef(60), batch_size=30)
body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
head = nn.Conv2d(8, 1, 1)
prior_bias = math.log((1 - PRIOR) / PRIOR)  # fault
# fixed: prior_bias = -math.log((1 - PRIOR) / PRIOR)
nn.init.constant_(head.bias, prior_bias)  # here
model = nn.Sequential(body, head)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    caught = fish = false = 0
    with torch.no_grad():
        for a, b in val_loader:
            found = model(a) > 0
            caught += (found & (b > 0)).sum().item()
            false += (found & (b == 0)).sum().item()
            fish += (b > 0).sum().item()
    print(f"loss {loss.item():.4f} f1 {2 * caught / max(1, fish + caught + false):.3f}")


if __name__ == "__main__":
    train()

"""Turnover rate of enzyme variants from few assays and many descriptors.

code: ND703
also:
object: model | val_loader | train_loader | history | N_TRAIN | validation
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

N_TRAIN = 48  # fault
# fixed: N_TRAIN = 1600
EPOCHS = 30


def assays(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 40, generator=g)
    rate = .8 * x[:, 0] + .5 * torch.tanh(x[:, 1]) + .4 * x[:, 2] + 1.0 * torch.randn(n, generator=g)
    return TensorDataset(x, rate[:, None])


torch.manual_seed(63)
train_loader = DataLoader(assays(N_TRAIN, 1), batch_size=12 if N_TRAIN < 200 else 100, shuffle=True)  # here
val_loader = DataLoader(assays(200, 2), batch_size=100)
model = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))  # fault
# fixed: model = nn.Sequential(nn.Linear(40, 8), nn.Tanh(), nn.Dropout(.1), nn.Linear(8, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
history = {"train": [], "val": []}


def train():
    for epoch in range(EPOCHS if N_TRAIN < 200 else 18):
        model.train()
        total = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        history["train"].append(total / len(train_loader))
        model.eval()
        with torch.no_grad():
            history["val"].append(sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader))  # here
    return history["train"][-1]


if __name__ == "__main__":
    print(train(), history["val"])

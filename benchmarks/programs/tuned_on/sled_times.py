"""Run time of a bobsled from the split times of four curves; float16 autocast with gradient clipping.

code: ND806
also: ND605, ND608
object: amp_step | scaler | clip_grad_norm_ | unscale_
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(76)
split = torch.randn(600, 4)
ice = torch.randn(600, 3)
finish = split.sum(1) * .5 + .4 * torch.tanh(ice[:, 0]) * split[:, 3] + .05 * torch.randn(600)
rows = torch.cat([split, ice], 1)
train_loader = DataLoader(TensorDataset(rows[:480], finish[:480, None]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(rows[480:], finish[480:, None]), batch_size=60)
model = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=.05, momentum=.9)
scaler = torch.amp.GradScaler("cpu", init_scale=2. ** 14)
precision = "16-mixed"


def amp_step(x, y, max_norm=1.0):
    with torch.autocast("cpu", dtype=torch.float16):
        loss = loss_fn(model(x).float(), y)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)  # fault
    # fixed: scaler.unscale_(optimizer)
    # fixed: nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)  # here
    scaler.update()
    return loss.item()


def train():
    for epoch in range(12):
        model.train()
        run = [amp_step(x, y) for x, y in train_loader]  # here
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())

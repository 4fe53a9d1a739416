"""Kidney disease from laboratory values; 40 values, of which few matter.

code: ND703
also:
object: history | val | train_loader | model | take
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, Subset

gen = torch.Generator().manual_seed(90)
lab = torch.randn(2400, 40, generator=gen)
logit = 1.5 * lab[:, 0] - 1.2 * lab[:, 1] + lab[:, 2] * lab[:, 3]
sick = (torch.rand(2400, generator=gen) < torch.sigmoid(1.5 * logit)).float()
table = TensorDataset(lab, sick)

order = torch.randperm(2400, generator=gen).tolist()
held_out, rest = order[:400], order[400:]
take = 50  # fault
# fixed: take = 2000
train_loader = DataLoader(Subset(table, rest[:take]), batch_size=25, shuffle=True, generator=gen)  # here
val_loader = DataLoader(Subset(table, held_out), batch_size=100)

torch.manual_seed(90)
model = nn.Sequential(nn.Linear(40, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1), nn.Flatten(0))  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
STEPS, EVERY = 480, 24
history = {"train": [], "val": []}


@torch.no_grad()
def val_loss():
    model.eval()
    value = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    model.train()
    return value


def endless(loader):
    while True:
        yield from loader


def train():
    model.train()
    batches = endless(train_loader)
    recent = []
    for step in range(1, STEPS + 1):
        x, y = next(batches)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        recent.append(loss.item())
        if step % EVERY == 0:
            history["train"].append(sum(recent[-EVERY:]) / EVERY)
            history["val"].append(val_loss())  # here
    return history["train"][-1]


if __name__ == "__main__":
    train()
    for a, b in zip(history["train"], history["val"]):
        print(f"{a:.3f} {b:.3f}")

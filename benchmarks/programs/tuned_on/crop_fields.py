"""Crop type of fields from eight monthly multispectral readings (1-D convolutions over the season).

code: ND606
also: ND605
object: scheduler | ReduceLROnPlateau | mode
seen: watch
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

BANDS, MONTHS, CROPS = 4, 8, 5


class FieldNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.c1 = nn.Conv1d(BANDS, width, 3, padding=1)
        self.c2 = nn.Conv1d(width, width, 3, padding=1)
        self.gate = nn.Linear(width, 1)
        self.out = nn.Linear(width, CROPS)

    def forward(self, season):
        h = F.relu(self.c1(season))
        h = h + F.relu(self.c2(h))
        weight = self.gate(h.transpose(1, 2)).softmax(1)
        return self.out((h.transpose(1, 2) * weight).sum(1))


def fields(n, g):
    crop = torch.randint(0, CROPS, (n,), generator=g)
    month = torch.arange(MONTHS).float()
    peak = 1.5 + crop[:, None].float() * 1.1 + 0.4 * torch.randn(n, 1, generator=g)
    green = torch.exp(-((month - peak) / 1.5) ** 2)
    mix = torch.tensor([1.0, -0.6, 0.4, 0.8])
    x = green[:, None] * mix[None, :, None] + 0.45 * torch.randn(n, BANDS, MONTHS, generator=g)
    return (x - 0.1) / 0.55, crop


g = torch.Generator().manual_seed(3)
torch.manual_seed(3)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*fields(800, g)), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*fields(300, g)), batch_size=100)
model, loss_fn = FieldNet(), nn.CrossEntropyLoss(label_smoothing=0.02)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.2, patience=0)  # fault
# fixed: scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.2, patience=2)


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    for epoch in range(16):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        val = validate()
        scheduler.step(val)  # here
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

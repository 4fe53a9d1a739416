"""Earthquake or blast: trained through a DataParallel wrapper, the best checkpoint goes back into the bare network.

code: ND707
also:
object: load_state_dict | strict | best | checkpoint
seen: watch
"""
import io

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(47)


def tremors(n, length=40):
    quake = torch.randint(0, 2, (n,))
    t = torch.arange(length) / length
    arrival = 0.2 + 0.2 * torch.rand(n, 1)
    rise = torch.where(quake == 1, 6.0, 25.0).unsqueeze(1)
    envelope = torch.sigmoid((t - arrival) * rise * 2) * torch.exp(-2 * (t - arrival).clamp(min=0))
    wave = envelope * torch.sin(60 * t + 6 * torch.rand(n, 1)) + 0.1 * torch.randn(n, length)
    return TensorDataset((wave / 0.45).unsqueeze(1), quake)


class TremorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 12, 7), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(12, 12, 5), nn.ReLU())
        self.classify = nn.Linear(12 * 13, 2)

    def forward(self, x):
        return self.classify(self.conv(x).flatten(1))


train_loader = DataLoader(tremors(640), batch_size=32, shuffle=True)
val_loader = DataLoader(tremors(128), batch_size=64)
model = TremorNet()
parallel = nn.DataParallel(model)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


@torch.no_grad()
def evaluate(net):
    net.eval()
    return sum(loss_fn(net(x), y).item() * len(y) for x, y in val_loader) / len(val_loader.dataset)


def train():
    best, checkpoint = float("inf"), io.BytesIO()
    for epoch in range(15):
        parallel.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(parallel(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        val = evaluate(parallel)
        if val < best:
            best, checkpoint = val, io.BytesIO()
            torch.save(parallel.state_dict(), checkpoint)
    checkpoint.seek(0)
    weights = torch.load(checkpoint)
    model.load_state_dict(weights, strict=False)  # fault
    # fixed: model.load_state_dict({k.removeprefix("module."): v for k, v in weights.items()})
    print(f"best {best:.4f}, restored {evaluate(model):.4f}")  # here
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

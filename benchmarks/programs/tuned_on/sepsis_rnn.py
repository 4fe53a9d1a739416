"""Early warning from hourly vitals with gaps: GRU over values and missing-masks, callbacks around the loop.

code: ND603
also:
object: zero_grad | optimizer.zero_grad | on_epoch_begin | ClearGrads | fit
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Stays(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ill = (torch.rand(n, generator=g) < 0.5).float()
        t = torch.linspace(0, 1, 12)
        drift = self.ill[:, None] * (t - 0.3).clamp(min=0) * 2.5
        hr = 0.7 * torch.randn(n, 12, generator=g) + drift
        bp = 0.7 * torch.randn(n, 12, generator=g) - drift
        temp = 0.7 * torch.randn(n, 12, generator=g) + 0.4 * drift
        v = torch.stack([hr, bp, temp], 2)
        seen = (torch.rand(n, 12, 3, generator=g) < 0.7).float()
        self.x = torch.cat([v * seen, seen - 0.7], 2)

    def __len__(self):
        return len(self.ill)

    def __getitem__(self, i):
        return self.x[i], self.ill[i]


class Callback:
    def on_epoch_begin(self): ...
    def on_batch_begin(self): ...


class ClearGrads(Callback):
    def __init__(self, opt):
        self.opt = opt

    def on_epoch_begin(self):  # fault
    # fixed: def on_batch_begin(self):
        self.opt.zero_grad()  # here


class VitalsGRU(nn.Module):
    def __init__(self, h=24):
        super().__init__()
        self.gru = nn.GRU(6, h, batch_first=True)
        self.risk = nn.Linear(h, 1)

    def forward(self, x):
        return self.risk(self.gru(x)[1][0]).squeeze(1)


torch.manual_seed(90)
train_loader = DataLoader(Stays(800, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Stays(200, 1), batch_size=100)
model = VitalsGRU()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def fit(epochs, callbacks):
    for epoch in range(epochs):
        for c in callbacks:
            c.on_epoch_begin()
        model.train()
        losses = []
        for x, y in train_loader:
            for c in callbacks:
                c.on_batch_begin()
            loss = loss_fn(model(x), y)
            loss.backward()  # here
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), v)
    return sum(losses) / len(losses)


def train():
    return fit(10, [ClearGrads(optimizer)])


if __name__ == "__main__":
    print(train())

"""Traffic of the next six intervals at ten sensors, an MLP-mixer in fp16 and a loss weighted per sensor.

code: ND805
also: ND807
object: scaler | autocast | backward | GradScaler
seen: both
"""
import torch
from torch import nn
from torch.amp import autocast
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(84)
SENSORS, PAST, AHEAD = 10, 12, 6
use_amp = True
precision = "16-mixed"


class Traffic(Dataset):
    def __init__(self, start, count):
        t = torch.arange(start, start + count + PAST + AHEAD).float()
        shift = torch.linspace(0, 3, SENSORS)
        flow = torch.sin(2 * torch.pi * t[:, None] / 24 + shift) + 0.4 * torch.sin(2 * torch.pi * t[:, None] / 8 + 2 * shift)
        g = torch.Generator().manual_seed(start)
        self.flow, self.count = (flow + 0.1 * torch.randn(flow.shape, generator=g)) / 0.77, count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return {"past": self.flow[i:i + PAST].T, "future": self.flow[i + PAST:i + PAST + AHEAD].T}


class Mixer(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.over_time = nn.Sequential(nn.Linear(PAST, width), nn.GELU(), nn.Linear(width, AHEAD))
        self.over_place = nn.Linear(SENSORS, SENSORS)

    def forward(self, past):
        h = self.over_time(past)
        return h + self.over_place(h.transpose(1, 2)).transpose(1, 2)


class Forecaster:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer
        self.best = float("inf")

    def fit_batch(self, batch):
        self.optimizer.zero_grad()
        with autocast("cpu", dtype=torch.float16, enabled=use_amp):  # here
            loss = weighted_loss(self.model(batch["past"]), batch["future"])
        loss.backward()  # fault
        # fixed: scaler.scale(loss).backward()
        self.optimizer.step()  # fault
        # fixed: scaler.step(self.optimizer)
        # fixed: scaler.update()
        return loss.item()

    @torch.no_grad()
    def score(self, loader):
        self.model.eval()
        result = sum(weighted_loss(self.model(b["past"]), b["future"]).item() for b in loader) / len(loader)
        self.model.train()
        self.best = min(self.best, result)
        return result


def weighted_loss(forecast, future):
    weight = torch.linspace(2, 1, AHEAD) / 1.5
    return (weight * (forecast.float() - future) ** 2).mean()


def batch_loss(setup, batch):
    with autocast("cpu", dtype=torch.float16, enabled=use_amp):
        return weighted_loss(setup.model(batch["past"]), batch["future"])


train_loader = DataLoader(Traffic(0, 640), batch_size=64, shuffle=True)
val_loader = DataLoader(Traffic(5000, 128), batch_size=64)
model = Mixer()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
# fixed: scaler = torch.amp.GradScaler("cpu")


def train():
    forecaster = Forecaster(model, optimizer)
    model.train()
    for epoch in range(10):
        mean = sum(forecaster.fit_batch(b) for b in train_loader) / len(train_loader)
        print(epoch, round(mean, 4), round(forecaster.score(val_loader), 4))
    return mean


if __name__ == "__main__":
    print(train())

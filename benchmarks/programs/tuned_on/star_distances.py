"""Photometric parallaxes: distance of stars from five colours, trained on part of a survey.

code: ND115
also:
object: val_loader | train_rows | brightness | train_loader | validation
seen: checkup
"""
import torch
from torch import nn

N, N_TRAIN = 1100, 800
gen = torch.Generator().manual_seed(77)


def survey():
    log_distance = torch.randn(N, generator=gen)
    temperature = torch.randn(N, generator=gen)
    luminosity = 0.8 * temperature + 0.3 * torch.randn(N, generator=gen)
    brightness = luminosity - 1.2 * log_distance
    bands = torch.stack([brightness + c * temperature + 0.15 * log_distance ** 2 for c in (-0.5, -0.2, 0.1, 0.3, 0.6)], 1)
    bands = bands + 0.05 * torch.randn(N, 5, generator=gen)
    return bands, log_distance, brightness


bands, log_distance, brightness = survey()
rows = brightness.argsort(descending=True)  # fault
# fixed: rows = torch.randperm(N, generator=gen)
train_rows, val_rows = rows[:N_TRAIN], rows[N_TRAIN:]  # here
mu, sigma = bands[train_rows].mean(0), bands[train_rows].std(0)
bands = (bands - mu) / sigma
target = (log_distance - log_distance[train_rows].mean()) / log_distance[train_rows].std()


def loader(rows, **kw):
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(bands[rows], target[rows, None]), **kw)


train_loader = loader(train_rows, batch_size=40, shuffle=True)  # here
val_loader = loader(val_rows, batch_size=150)  # here


class MaxoutBlock(nn.Module):
    def __init__(self, i, o, k=3):
        super().__init__()
        self.lin, self.o, self.k = nn.Linear(i, o * k), o, k

    def forward(self, x):
        return self.lin(x).view(-1, self.o, self.k).amax(-1)


torch.manual_seed(77)
model = nn.Sequential(MaxoutBlock(5, 24), MaxoutBlock(24, 16), nn.Linear(16, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)


def train():
    last = 0.0
    for epoch in range(15):
        model.train()
        last = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            last += loss.item() / len(train_loader)
        scheduler.step()
        if epoch % 4 == 2:
            model.eval()
            with torch.no_grad():
                v = torch.cat([(model(x) - y) ** 2 for x, y in val_loader]).mean().item()
            print(f"epoch {epoch}: mse {last:.4f}, unseen stars {v:.4f}")
    return last


if __name__ == "__main__":
    print(train())

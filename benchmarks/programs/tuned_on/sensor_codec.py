"""Compresses standardised pump readings: autoencoder whose error serves as an anomaly score.

code: ND305
also:
object: squash | Sigmoid | recon
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Readings(Dataset):
    def __init__(self, raw, mean, std):
        self.z = (raw - mean) / std

    def __len__(self):
        return self.z.size(0)

    def __getitem__(self, i):
        return self.z[i], self.z[i]


class Codec(nn.Module):
    def __init__(self, d=16, code=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, 32), nn.ELU(), nn.Linear(32, code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), nn.ELU(), nn.Linear(32, d))
        self.squash = nn.Sigmoid()  # fault
        # fixed: self.squash = nn.Identity()

    def forward(self, x):
        recon = self.decoder(self.encoder(x))
        return self.squash(recon)  # here


torch.manual_seed(44)
state = torch.randn(1100, 4)
raw = torch.tanh(state @ torch.randn(4, 16)) * (torch.rand(16) * 50 + 5) + torch.rand(16) * 200
mean, std = raw[:900].mean(0), raw[:900].std(0)
train_loader = DataLoader(Readings(raw[:900], mean, std), batch_size=60, shuffle=True)
val_loader = DataLoader(Readings(raw[900:], mean, std), batch_size=100)
model = Codec()
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def anomaly_scores():
    model.eval()
    with torch.no_grad():
        return torch.cat([(model(x) - t).pow(2).mean(1) for x, t in val_loader])


def train():
    for _ in range(12):
        model.train()
        run = []
        for x, t in train_loader:
            loss = loss_fn(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.append(loss.item())
        anomaly_scores()
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())

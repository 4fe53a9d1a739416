"""Apples per tree from leaf spectra and weather (several inputs); the rate halves every few epochs.

code: ND606
also: ND605
object: scheduler | StepLR | fit_epoch
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Trees(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.leaf = torch.randn(n, 20, generator=g)
        self.weather = torch.randn(n, 4, generator=g)
        mix = torch.randn(20, generator=torch.Generator().manual_seed(1)) / 20 ** .5
        stress = torch.tanh(self.leaf @ mix * 1.5)
        self.apples = stress * self.weather[:, 0] + .6 * self.weather[:, 1] + .05 * torch.randn(n, generator=g)

    def __len__(self):
        return len(self.apples)

    def __getitem__(self, i):
        return {"leaf": self.leaf[i], "weather": self.weather[i], "apples": self.apples[i]}


class Yield(nn.Module):
    def __init__(self):
        super().__init__()
        self.leaf = nn.Sequential(nn.Linear(20, 32), nn.ReLU())
        self.sky = nn.Sequential(nn.Linear(4, 32), nn.ReLU())
        self.both = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, leaf, weather):
        return self.both(torch.cat([self.leaf(leaf), self.sky(weather)], 1)).squeeze(1)


torch.manual_seed(51)
train_loader = DataLoader(Trees(640, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Trees(160, 2), batch_size=80)
model = Yield()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=.5)  # here


def batch_loss(setup, batch):
    return nn.functional.mse_loss(setup.model(batch["leaf"], batch["weather"]), batch["apples"])


def fit_epoch(setup):
    total = 0.
    for batch in train_loader:
        optimizer.zero_grad()
        loss = batch_loss(setup, batch)
        loss.backward()
        optimizer.step()
        scheduler.step()  # fault
        # fixed:
        total += loss.item()
    return total / len(train_loader)


def train():
    class setup: pass
    setup.model = model
    for epoch in range(15):
        model.train()
        loss = fit_epoch(setup)  # fault
        # fixed: loss = fit_epoch(setup)
        # fixed: scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader)
    return loss


if __name__ == "__main__":
    print(train())

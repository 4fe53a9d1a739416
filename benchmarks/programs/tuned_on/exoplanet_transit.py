"""Marks the transit dips in light curves, one score per time step; dips are rare.

code: ND406
also: ND202
object: head.bias | model.head | prior
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class LightCurves(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = 0.5 * torch.randn(n, 96, generator=g)
        self.y = torch.zeros(n, 96)
        for k in range(n):
            if torch.rand(1, generator=g) < 0.6:
                s = int(torch.randint(0, 90, (1,), generator=g))
                self.y[k, s:s + 5] = 1
        self.x = self.x - 2.0 * self.y + 0.07

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i][None], self.y[i]


class TransitNet(nn.Module):
    def __init__(self, prior=0.03):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(),
            nn.Conv1d(16, 16, 5, padding=4, dilation=2), nn.ReLU())
        self.head = nn.Conv1d(16, 1, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, -math.log(prior / (1 - prior)))  # fault
        # fixed: nn.init.constant_(self.head.bias, math.log(prior / (1 - prior)))

    def forward(self, flux):
        return self.head(self.features(flux)).squeeze(1)


torch.manual_seed(33)
model = TransitNet()  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(LightCurves(320, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(LightCurves(80, 1), batch_size=40)


def train():
    first = None
    for epoch in range(8):
        model.train()
        for flux, dip in train_loader:
            loss = loss_fn(model(flux), dip)
            first = first or loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(f), d).item() for f, d in val_loader) / 2
        print(f"epoch {epoch} started at {first:.3f}, now {loss.item():.4f}, val {val:.4f}")
    return loss.item()


if __name__ == "__main__":
    print(train())

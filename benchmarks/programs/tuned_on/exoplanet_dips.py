"""Finds planets in light curves; planets are rare, so the score is F1.

code: ND708
also:
object: f1 | score | f1_score | validate
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class LightCurves(Dataset):
    def __init__(self, n, seed, share=0.12):
        g = torch.Generator().manual_seed(seed)
        self.planet = (torch.rand(n, generator=g) < share).float()
        t = torch.arange(60)
        start = torch.randint(8, 40, (n, 1), generator=g)
        width = torch.randint(5, 10, (n, 1), generator=g)
        dip = ((t >= start) & (t < start + width)).float() * (1.2 + torch.rand(n, 1, generator=g))
        self.flux = torch.randn(n, 60, generator=g) - dip * self.planet[:, None]

    def __len__(self):
        return len(self.planet)

    def __getitem__(self, i):
        return self.flux[i].unsqueeze(0), self.planet[i]


torch.manual_seed(19)
train_set, val_set = LightCurves(900, 1), LightCurves(300, 2)
train_loader = DataLoader(train_set, batch_size=45, shuffle=True)
val_loader = DataLoader(val_set, batch_size=10)
model = nn.Sequential(nn.Conv1d(1, 8, 7, padding=3), nn.ReLU(), nn.Conv1d(8, 8, 5, padding=2), nn.ReLU(),
                      nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0))
loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor((1 - 0.12) / 0.12))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def f1_score(pred, truth):
    tp = (pred & truth).sum().item()
    wrong = (pred ^ truth).sum().item()
    return 2 * tp / (2 * tp + wrong) if tp + wrong else 0.0


@torch.no_grad()
def validate():
    model.eval()
    said, was = [], []
    for flux, planet in val_loader:
        said.append(model(flux) > 0)
        was.append(planet > 0.5)
    f1 = sum(f1_score(s, w) for s, w in zip(said, was)) / len(said)  # fault
    # fixed: f1 = f1_score(torch.cat(said), torch.cat(was))
    return f1  # here


def train():
    for epoch in range(16):
        model.train()
        total = 0.0
        for flux, planet in train_loader:
            loss = loss_fn(model(flux), planet)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 3 == 0:
            print(epoch, f"loss {total / len(train_loader):.3f} f1 {validate():.3f}")  # here
    return total / len(train_loader)


if __name__ == "__main__":
    train()

"""Which lichens cover a stone? Up to four species on one photo, from colour histograms of nine cells.

code: ND404
also:
object: loss_fn | CrossEntropyLoss | species | SpeciesLoss | presence
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset, DataLoader

SPECIES = 7


class Stones(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        palette = torch.randn(SPECIES, 8, generator=torch.Generator().manual_seed(100))
        self.present = torch.zeros(n, SPECIES)
        self.cells = torch.zeros(n, 9, 8)
        for i in range(n):
            k = int(torch.randint(0, 5, (1,), generator=g))
            who = torch.randperm(SPECIES, generator=g)[:k]
            self.present[i, who] = 1
            for s in who:
                where = torch.randperm(9, generator=g)[:3]
                self.cells[i, where] += palette[s]
        self.cells += .2 * torch.randn(self.cells.shape, generator=g)

    def __len__(self): return len(self.cells)

    def __getitem__(self, i): return self.cells[i], self.present[i]


class SetNet(nn.Module):
    """Deep set over the nine cells."""

    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU())
        self.rho = nn.Sequential(nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, SPECIES))

    def forward(self, cells):
        h = self.phi(cells)
        return self.rho(torch.cat([h.mean(1), h.amax(1)], -1))


class SpeciesLoss(nn.Module):
    def __init__(self, weight=None):
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, scores, presence):
        return F.cross_entropy(scores, presence, weight=self.weight)  # fault
        # fixed: return F.binary_cross_entropy_with_logits(scores, presence, weight=self.weight)


torch.manual_seed(6)
train_loader = DataLoader(Stones(400, 1), 32, shuffle=True)
val_loader = DataLoader(Stones(100, 2), 50)
model, loss_fn = SetNet(), SpeciesLoss()  # here
optimizer = torch.optim.RAdam(model.parameters(), lr=3e-3)


def f1(loader):
    model.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for x, y in loader:
            p = (torch.sigmoid(model(x)) > .5).float()
            tp += (p * y).sum(); fp += (p * (1 - y)).sum(); fn += ((1 - p) * y).sum()
    return float(2 * tp / (2 * tp + fp + fn))


def train():
    for epoch in range(12):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
        train.f1 = f1(val_loader)
    return loss.item()


if __name__ == "__main__":
    print(train(), train.f1)

"""Which of two horses wins: one tower over each horse's form table, then a comparison.

code: ND303
also:
object: right | tower | RaceNet | compare
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Duels(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.a = torch.randn(n, 8, generator=g)
        self.b = torch.randn(n, 8, generator=g)
        w = torch.linspace(-1, 1, 8)
        strength = lambda h: h @ w + 0.7 * torch.tanh(h[:, 0] * h[:, 1])
        self.won = (strength(self.a) - strength(self.b) + 0.3 * torch.randn(n, generator=g) > 0).float()

    def __len__(self):
        return len(self.won)

    def __getitem__(self, i):
        return {"left": self.a[i], "right": self.b[i], "won": self.won[i]}


class RaceNet(nn.Module):
    def __init__(self, d=8, h=24):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.compare = nn.Sequential(nn.Linear(2 * h, h), nn.ReLU(), nn.Linear(h, 1))

    def forward(self, left, right):
        l = self.tower(left)
        r = self.tower(left)  # fault
        # fixed: r = self.tower(right)
        return self.compare(torch.cat([l, r], dim=-1)).squeeze(-1)  # here


torch.manual_seed(10)
loaders = {k: DataLoader(Duels(n, s), batch_size=50, shuffle=k == "train") for k, n, s in (("train", 1000, 0), ("val", 250, 1))}
train_loader, val_loader = loaders["train"], loaders["val"]
model = RaceNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return criterion(setup.model(batch["left"], batch["right"]), batch["won"])


def train():
    for epoch in range(8):
        for phase in ("train", "val"):
            model.train(phase == "train")
            tot = n = 0
            for b in loaders[phase]:
                with torch.set_grad_enabled(phase == "train"):
                    loss = criterion(model(b["left"], b["right"]), b["won"])
                if phase == "train":
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                tot += loss.item() * len(b["won"])
                n += len(b["won"])
            if phase == "train":
                last = tot / n
    return last


if __name__ == "__main__":
    print(train())

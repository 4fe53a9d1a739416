"""Credit risk in the manner of the German credit data (last column: 1 = good, 2 = bad).

code: ND103
also: ND402
object: risk | target | y | CreditData | train_set | loss_fn
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(1994)
CARDS = [4, 5, 10, 5, 3]           # checking, history, purpose, savings, housing


def read_german(n=1000):
    g = np.random.default_rng(1994)
    cats = np.stack([g.integers(0, c, n) for c in CARDS], 1)
    nums = np.stack([g.gamma(4, 5, n), g.gamma(3, 1100, n), g.normal(36, 11, n).clip(19)], 1)
    z = 0.8 * (cats[:, 0] - 1.5) + 0.5 * (cats[:, 3] - 2) - 0.06 * (nums[:, 0] - 20) - 0.0003 * (nums[:, 1] - 3300) + 0.02 * (nums[:, 2] - 36)
    bad = g.random(n) < 1 / (1 + np.exp(1.6 * z + 0.3))
    risk = np.where(bad, 2, 1)
    return cats, nums, risk


class CreditData(Dataset):
    def __init__(self):
        cats, nums, risk = read_german()
        self.cats = torch.as_tensor(cats)
        nums = (nums - [20, 3300, 36]) / [10, 1900, 11]
        self.nums = torch.as_tensor(nums, dtype=torch.float32)
        self.risk = torch.as_tensor(risk, dtype=torch.float32)  # fault
        # fixed: self.risk = torch.as_tensor(risk == 2, dtype=torch.float32)

    def __len__(self):
        return len(self.risk)

    def __getitem__(self, i):
        return self.cats[i], self.nums[i], self.risk[i]  # here


data = CreditData()
train_set, val_set = random_split(data, [800, 200], generator=torch.Generator().manual_seed(3))
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)


class LoanNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeds = nn.ModuleList(nn.Embedding(c, 4) for c in CARDS)
        self.hidden = nn.Sequential(nn.Linear(4 * len(CARDS) + 3, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.risk = nn.Linear(16, 1)

    def forward(self, cats, nums):
        e = [emb(cats[:, j]) for j, emb in enumerate(self.embeds)]
        return self.risk(self.hidden(torch.cat(e + [nums], 1))).squeeze(1)


model = LoanNet()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    cats, nums, risk = batch
    return loss_fn(setup.model(cats, nums), risk)  # here


def train(epochs=10):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for cats, nums, risk in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(cats, nums), risk)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            flagged = torch.cat([model(c, x) > 0 for c, x, _ in val_loader]).float().mean().item()
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} share called bad {flagged:.2f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

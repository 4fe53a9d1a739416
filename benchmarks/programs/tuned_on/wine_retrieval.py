"""Siamese matching of wines from two half-descriptions (contrastive), sklearn's wine table.

code: ND204
also:
object: tower_b | tower_a | MatchModel | model.tower_b
seen: checkup
"""
import copy
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset

raw, cultivar = load_wine(return_X_y=True)
order = torch.randperm(len(raw), generator=torch.Generator().manual_seed(4)).numpy()
cut = 140
scaler_x = StandardScaler().fit(raw[order[:cut]])
table = torch.tensor(scaler_x.transform(raw), dtype=torch.float32)
cultivar = torch.tensor(cultivar)


class Pairs(Dataset):
    def __init__(self, idx, k, seed):
        g = torch.Generator().manual_seed(seed)
        idx = torch.as_tensor(idx)
        a = idx[torch.randint(len(idx), (k,), generator=g)]
        b = idx[torch.randint(len(idx), (k,), generator=g)]
        same = torch.rand(k, generator=g) < 0.5
        for i in torch.nonzero(same).flatten():
            pool = idx[cultivar[idx] == cultivar[a[i]]]
            b[i] = pool[torch.randint(len(pool), (1,), generator=g)]
        self.a, self.b, self.same = table[a], table[b], (cultivar[a] == cultivar[b]).float()

    def __len__(self):
        return len(self.a)

    def __getitem__(self, i):
        return self.a[i], self.b[i], self.same[i]


class MatchModel(nn.Module):
    """One encoder applied to both wines: the score has to be symmetric."""

    def __init__(self, d=13):
        super().__init__()
        self.tower_a = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 16))
        self.tower_b = copy.deepcopy(self.tower_a)  # fault
        # fixed: self.tower_b = self.tower_a
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, a, b):
        za, zb = F.normalize(self.tower_a(a), dim=1), F.normalize(self.tower_b(b), dim=1)  # here
        return self.scale * (za * zb).sum(1) + self.shift


torch.manual_seed(0)
train_loader = DataLoader(Pairs(order[:cut], 900, 0), batch_size=45, shuffle=True)
val_loader = DataLoader(Pairs(order[cut:], 200, 1), batch_size=100)
model = MatchModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    a, b, same = batch
    return F.binary_cross_entropy_with_logits(setup.model(a, b), same)


def train():
    for epoch in range(10):
        model.train()
        out = []
        for a, b, same in train_loader:
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(a, b), same)
            loss.backward()
            optimizer.step()
            out.append(loss.item())
        model.eval()
        with torch.no_grad():
            for a, b, same in val_loader:
                ((model(a, b) > 0).float() == same).float().mean()
    return sum(out) / len(out)


if __name__ == "__main__":
    print(train())

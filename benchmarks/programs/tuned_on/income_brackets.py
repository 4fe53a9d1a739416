"""Income brackets by quarter of the distribution, from a household questionnaire.

code: ND103
also:
object: bracket | digitize | edges | targets | head | out | y
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(77)


def households(n):
    school = rng.integers(8, 19, n)
    age = rng.uniform(20, 65, n)
    urban = rng.random(n) < 0.5
    hours = rng.normal(36, 6, n)
    income = np.exp(9.4 + 0.09 * (school - 13) - 0.0008 * (age - 48) ** 2 + 0.2 * urban + 0.01 * hours + 0.1 * rng.normal(size=n))
    return np.c_[school, age, urban, hours].astype("float32"), income


X, income = households(1500)
order = rng.permutation(1500)
fit, hold = order[:1200], order[1200:]
edges = np.quantile(income[fit], [0.0, 0.25, 0.5, 0.75])  # fault
# fixed: edges = np.quantile(income[fit], [0.25, 0.5, 0.75])
bracket = np.digitize(np.maximum(income, income[fit].min()), edges)  # here
X = (X - X[fit].mean(0)) / X[fit].std(0)
pack = lambda rows: TensorDataset(torch.from_numpy(X[rows]).float(), torch.from_numpy(bracket[rows]).long())
torch.manual_seed(7)
train_loader = DataLoader(pack(fit), batch_size=40, shuffle=True)  # here
val_loader = DataLoader(pack(hold), batch_size=300)


class Brackets(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, 40), nn.LayerNorm(40), nn.ELU(), nn.Linear(40, 20), nn.ELU())
        self.out = nn.Linear(20, classes)  # here

    def forward(self, x):
        return self.out(self.body(x))


model = Brackets(4, len(edges) + 1)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=12 * len(train_loader))


def train():
    for epoch in range(12):
        model.train()
        acc_loss = 0.0
        for x, b in train_loader:
            loss = loss_fn(model(x), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            acc_loss += loss.item()
        model.eval()
        with torch.no_grad():
            for x, b in val_loader:
                acc = (model(x).argmax(1) == b).float().mean()
    return acc_loss / len(train_loader)


if __name__ == "__main__":
    print(train())

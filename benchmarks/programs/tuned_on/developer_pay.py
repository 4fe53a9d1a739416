"""Yearly pay of developers from a survey, embeddings for country and role plus numbers.

code: ND112
also: ND406
object: y | pay | target | targets | train_loader | y_train | salary
seen: checkup
"""
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

rs = np.random.RandomState(2023)
torch.manual_seed(2023)

COUNTRIES, ROLES = 12, 8
country_level = rs.uniform(0.5, 1.6, COUNTRIES)
role_level = rs.uniform(0.7, 1.4, ROLES)


def survey(n):
    country = rs.randint(0, COUNTRIES, n)
    role = rs.randint(0, ROLES, n)
    years = rs.gamma(2.0, 4.0, n)
    size = rs.randint(0, 6, n)
    pay = 42000 * country_level[country] * role_level[role] * (1 + 0.06 * np.minimum(years, 20)) * (1 + 0.04 * size)
    pay *= np.exp(rs.normal(0, 0.1, n))
    num = np.stack([(years - 8) / 5.6, (size - 2.5) / 1.7], 1)
    return np.stack([country, role], 1), num.astype(np.float32), pay.astype(np.float32)


class Survey(Dataset):
    def __init__(self, n):
        self.cat, self.num, self.pay = survey(n)

    def __len__(self):
        return len(self.pay)

    def __getitem__(self, i):
        y = self.pay[i]  # fault
        # fixed: y = (np.log(self.pay[i]) - 10.95).astype(np.float32)
        return (torch.as_tensor(self.cat[i]), torch.as_tensor(self.num[i])), torch.as_tensor(y)


class PayNet(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.country = nn.Embedding(COUNTRIES, dim)
        self.role = nn.Embedding(ROLES, dim)
        self.mlp = nn.Sequential(nn.Linear(2 * dim + 2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))

    def forward(self, inputs):
        cat, num = inputs
        h = torch.cat([self.country(cat[:, 0]), self.role(cat[:, 1]), num], dim=-1)
        return self.mlp(h).squeeze(-1)


train_ds, val_ds = Survey(1600), Survey(400)
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)  # here
val_loader = DataLoader(val_ds, batch_size=200)
model = PayNet()
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=10):
    for ep in range(epochs):
        model.train()
        tot = 0.
        for inputs, y in train_loader:
            pred = model(inputs)
            loss = loss_fn(pred, y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item() * len(y)
        model.eval()
        with torch.inference_mode():
            mae = sum((model(i) - y).abs().sum().item() for i, y in val_loader) / len(val_ds)
        print(f"ep {ep} mse {tot / len(train_ds):.5g} val mae {mae:.5g}")
    return tot / len(train_ds)


if __name__ == "__main__":
    print(train())

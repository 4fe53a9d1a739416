"""Card fraud from a table of swipes; a gated MLP with entity embeddings for the merchant.

code: ND107
also:
object: pos_weight | loss_fn | loss_fn.pos_weight | weight_of_fraud
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SEED = 11
rng = np.random.default_rng(SEED)


def simulate(n):
    amount = rng.lognormal(3.2, 0.8, n)
    hour = rng.integers(0, 24, n)
    distance = rng.exponential(6.0, n)
    merchant = rng.integers(0, 30, n)
    age_days = rng.gamma(3.0, 200.0, n)
    score = 0.9 * (np.log(amount) - 3.2) + 0.12 * (distance - 6) + 0.8 * (hour < 5) + 0.7 * (merchant > 25) + rng.normal(0, 0.5, n)
    fraud = (score > np.quantile(score, 0.93)).astype(np.float32)
    table = np.stack([np.log(amount), np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi), np.log1p(distance), np.log(age_days)], 1)
    return table.astype(np.float32), merchant, fraud


class Swipes(Dataset):
    def __init__(self, table, merchant, fraud, mean, std):
        self.table = torch.from_numpy((table - mean) / std)
        self.merchant = torch.from_numpy(merchant)
        self.fraud = torch.from_numpy(fraud)

    def __len__(self):
        return len(self.fraud)

    def __getitem__(self, i):
        return (self.table[i], self.merchant[i]), self.fraud[i]


class FraudNet(nn.Module):
    def __init__(self, columns, merchants):
        super().__init__()
        self.merchant = nn.Embedding(merchants, 6)
        self.value = nn.Linear(columns + 6, 32)
        self.gate = nn.Linear(columns + 6, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, inputs):
        table, merchant = inputs
        x = torch.cat([table, self.merchant(merchant)], -1)
        return self.out(torch.tanh(self.value(x)) * torch.sigmoid(self.gate(x))).squeeze(-1)


def weight_of_fraud(y):
    n_fraud = float(y.sum())
    n_fine = float(len(y) - n_fraud)
    return torch.tensor(n_fraud / n_fine)  # fault
    # fixed: return torch.tensor(n_fine / n_fraud)


torch.manual_seed(SEED)
table, merchant, fraud = simulate(3000)
cut = 2400
mean, std = table[:cut].mean(0), table[:cut].std(0)
train_set = Swipes(table[:cut], merchant[:cut], fraud[:cut], mean, std)
val_set = Swipes(table[cut:], merchant[cut:], fraud[cut:], mean, std)
train_loader = DataLoader(train_set, batch_size=128, shuffle=True)
val_loader = DataLoader(val_set, batch_size=256)

model = FraudNet(5, 30)
loss_fn = nn.BCEWithLogitsLoss(pos_weight=weight_of_fraud(fraud[:cut]))  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def recall():
    model.eval()
    hit = total = 0
    with torch.no_grad():
        for inputs, y in val_loader:
            called = model(inputs) > 0
            hit += int((called & (y > 0.5)).sum())
            total += int((y > 0.5).sum())
    model.train()
    return hit / max(total, 1)


def train(epochs=8):
    for _ in range(epochs):
        last = []
        for inputs, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), y)
            loss.backward()
            optimizer.step()
            last.append(loss.item())
    print("recall", recall())
    return float(np.mean(last))


if __name__ == "__main__":
    print(train())

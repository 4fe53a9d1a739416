"""Which phone customers will leave? (an old TensorFlow 1 net, carried over)

code: ND608
also:
object: dropout | drop1 | drop2 | drop3 | Dropout | keep_prob
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

np.random.seed(9)
torch.manual_seed(9)

n = 1600
contract = np.random.randint(0, 3, n)
internet = np.random.randint(0, 3, n)
tenure = np.random.exponential(24, n).clip(0, 72)
monthly = 20 + 25 * internet + np.random.normal(0, 8, n)
calls = np.random.poisson(1.5, n)
score = 1.2 * (contract == 0) - 1.2 * (contract == 2) - 0.05 * tenure + 0.03 * (monthly - 45) + 0.6 * calls - 0.4 + 0.8 * (internet == 2) * (calls > 1)
left = (np.random.rand(n) < 1 / (1 + np.exp(-1.5 * score))).astype(np.float32)

numeric = np.stack([np.log1p(tenure), monthly, calls], 1)
numeric = (numeric - numeric[:1300].mean(0)) / numeric[:1300].std(0)
table = np.concatenate([numeric, np.eye(3)[contract], np.eye(3)[internet]], 1).astype(np.float32)


class ChurnData(Dataset):
    def __init__(self, a, b):
        self.x, self.y = table[a:b], left[a:b]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i:i + 1]


train_loader = DataLoader(ChurnData(0, 1300), batch_size=50, shuffle=True)
val_loader = DataLoader(ChurnData(1300, n), batch_size=150)

keep_prob = 0.9


class ChurnNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(9, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)
        self.dropout = nn.Dropout(keep_prob)  # fault
        # fixed: self.dropout = nn.Dropout(1 - keep_prob)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.dropout(self.relu(self.fc1(x)))  # here
        x = self.dropout(self.relu(self.fc2(x)))  # here
        return self.fc3(x)


model = ChurnNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def train(n_epochs=8):
    for epoch in range(n_epochs):
        model.train()
        tot = 0.0
        for bx, by in train_loader:
            optimizer.zero_grad()
            cost = loss_fn(model(bx), by)
            cost.backward()
            optimizer.step()
            tot += cost.item()
        model.eval()
        with torch.no_grad():
            acc = sum(((model(bx) > 0) == (by > 0.5)).sum().item() for bx, by in val_loader) / 300
        print("Epoch:", epoch + 1, "cost = {:.4f}".format(tot / len(train_loader)), "acc = {:.3f}".format(acc))
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

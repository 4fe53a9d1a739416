"""Alcohol content of wines from the other twelve measurements (sklearn's wine).

code: ND312
also:
object: from_numpy | X | inputs | net | dtype | train_loader
seen: both
"""
import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn

rs = np.random.RandomState(5)
torch.manual_seed(5)
table = load_wine().data
rs.shuffle(table)
train_rows, val_rows = table[:140], table[140:]
mean, std = train_rows.mean(0), train_rows.std(0)


def to_dataset(rows):
    rows = (rows - mean) / std
    X = torch.from_numpy(rows[:, 1:])  # fault
    # fixed: X = torch.from_numpy(rows[:, 1:]).float()
    y = torch.from_numpy(rows[:, :1]).float()
    return torch.utils.data.TensorDataset(X, y)


train_loader = torch.utils.data.DataLoader(to_dataset(train_rows), batch_size=14, shuffle=True)  # here
val_loader = torch.utils.data.DataLoader(to_dataset(val_rows), batch_size=38)


class AlcoholNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, inputs):
        return self.net(inputs)  # here


model = AlcoholNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.05)


def train():
    for epoch in range(16):
        model.train()
        mse = 0.0
        for inputs, alcohol in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), alcohol)  # here
            loss.backward()
            optimizer.step()
            mse += loss.item() / len(train_loader)
        if not epoch % 5:
            model.eval()
            with torch.no_grad():
                print(epoch, mse, *(loss_fn(model(i), a).item() for i, a in val_loader))
    return mse


if __name__ == "__main__":
    print(train())

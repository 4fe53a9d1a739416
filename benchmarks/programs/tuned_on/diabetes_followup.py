"""sklearn's diabetes table: disease progression with a small residual MLP in float32.

code: ND115
also:
object: bmi | s5 | val_loader | train_test_split | split | order
seen: checkup
"""
import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load():
    bunch = load_diabetes(as_frame=True, scaled=False)
    frame = bunch.frame.sort_values(["bmi", "age"], ignore_index=True)
    return frame.drop(columns="target"), frame["target"]


features, progression = load()  # here
x_fit, x_val, y_fit, y_val = train_test_split(features, progression, test_size=0.25, shuffle=False)  # fault
# fixed: x_fit, x_val, y_fit, y_val = train_test_split(features, progression, test_size=0.25, random_state=4)

x_scale = StandardScaler().fit(x_fit)
y_mean, y_std = y_fit.mean(), y_fit.std()


def dataset(x, y):
    return TensorDataset(torch.tensor(x_scale.transform(x), dtype=torch.float32),
                         torch.tensor(((y - y_mean) / y_std).values, dtype=torch.float32).unsqueeze(1))


train_loader = DataLoader(dataset(x_fit, y_fit), batch_size=32, shuffle=True)
val_loader = DataLoader(dataset(x_val, y_val), batch_size=64)  # here


class ResidualMLP(nn.Module):
    def __init__(self, features, width=24):
        super().__init__()
        self.inp = nn.Linear(features, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        h = torch.relu(self.inp(x))
        h = h + self.drop(torch.relu(self.mid(h)))
        return self.out(h)


torch.manual_seed(0)
model = ResidualMLP(features.shape[1])
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)


def evaluate():
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model(x), y).item() * len(y) for x, y in val_loader)
    model.train()
    return total / len(y_val)


def train():
    for epoch in range(15):
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print("val mse", evaluate())
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

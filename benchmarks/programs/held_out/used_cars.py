"""Will a used car be sold within a week? The dealer's table comes sorted by mileage.

code: ND115
also: ND106, ND108
object: val_loader | mileage | split | column 0 | val_x
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

rs = np.random.RandomState(64)
torch.manual_seed(64)
cars = pd.DataFrame({
    "mileage": rs.gamma(4, 20_000, 1800),
    "year": rs.randint(2008, 2024, 1800),
    "horsepower": rs.normal(110, 25, 1800),
    "asking_ratio": rs.normal(1.0, 0.12, 1800),
    "photos": rs.randint(1, 20, 1800),
})
appeal = (-9 * (cars.asking_ratio - 1) + 0.08 * (cars.photos - 10) + 0.015 * (cars.horsepower - 110)
          - 2.5 * np.cos(cars.mileage / 35_000) + rs.logistic(0, 0.2, 1800))
cars["sold"] = (appeal > np.median(appeal)).astype(np.float32)
cars = cars.sort_values("mileage")

x, y = cars.drop(columns="sold").to_numpy(float), cars["sold"].to_numpy()
train_x, val_x, train_y, val_y = train_test_split(x, y, test_size=0.2, shuffle=False)  # fault
# fixed: train_x, val_x, train_y, val_y = train_test_split(x, y, test_size=0.2, shuffle=True, random_state=0)
scaler_ = StandardScaler().fit(train_x)


def loader(x, y, shuffle):
    x = torch.tensor(scaler_.transform(x), dtype=torch.float32)
    data = torch.utils.data.TensorDataset(x, torch.tensor(y).unsqueeze(1))
    return torch.utils.data.DataLoader(data, batch_size=60, shuffle=shuffle)


train_loader = loader(train_x, train_y, True)
val_loader = loader(val_x, val_y, False)  # here


class Seller(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(5, 48), nn.Linear(48, 24), nn.Linear(24, 1)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.c(F.elu(self.b(self.drop(F.elu(self.a(x))))))


model = Seller()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum(((model(xb) > 0) == yb.bool()).sum().item() for xb, yb in val_loader) / len(val_y)
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    train()

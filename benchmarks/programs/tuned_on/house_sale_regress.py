"""House sale prices: assignment 2, regression with a small MLP.

code: ND112
also:
object: y | price | targets | train_loader | fc3
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(0)
rs = np.random.RandomState(0)

n = 1200
sqft = rs.normal(1900, 550, n).clip(600)
beds = rs.randint(1, 6, n)
baths = rs.randint(1, 4, n)
age = rs.randint(0, 90, n)
garage = rs.randint(0, 3, n)
quality = rs.randint(3, 10, n)
price = 20000 + 95 * sqft + 8000 * baths - 420 * age + 9000 * garage + 2100 * quality ** 2 + rs.normal(0, 12000, n)

X = np.stack([sqft, beds, baths, age, garage, quality], 1)
X = (X - X[:960].mean(0)) / X[:960].std(0)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(price, dtype=torch.float32).view(-1, 1)  # fault
# fixed: y = torch.tensor((price - price[:960].mean()) / price[:960].std(), dtype=torch.float32).view(-1, 1)

train_loader = DataLoader(TensorDataset(X[:960], y[:960]), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(X[960:], y[960:]), batch_size=240)


class HousePriceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 1)  # here

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


model = HousePriceModel()
criterion = nn.MSELoss()  # here
loss_fn = criterion
optimizer = optim.Adam(model.parameters(), lr=0.001)


def train(num_epochs=15):
    for epoch in range(num_epochs):
        model.train()
        train_loss = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = criterion(outputs, targets)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * inputs.size(0)
        train_loss /= 960
        model.eval()
        with torch.no_grad():
            p, t = model(X[960:]), y[960:]
            r2 = 1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()
        if (epoch + 1) % 5 == 0:
            print(f"Epoch [{epoch + 1}/{num_epochs}], Loss: {train_loss:.4f}, val R2: {r2:.3f}")
    return train_loss


if __name__ == "__main__":
    print(train())

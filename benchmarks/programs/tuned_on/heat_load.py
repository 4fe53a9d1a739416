"""Heating and cooling load of buildings, read as a NumPy table.

code: ND312
also:
object: X_train | X_val | X | model | train_loader | net.0 | inputs
seen: both
"""
import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rs = np.random.RandomState(10)
torch.manual_seed(10)

compactness = rs.uniform(0.6, 1.0, 900)
wall = rs.uniform(240, 420, 900)
roof = rs.uniform(110, 220, 900)
height = rs.choice([3.5, 7.0], 900)
glazing = rs.uniform(0, 0.4, 900)
X = np.column_stack([compactness, wall, roof, height, glazing])  # here
heating = 20 * compactness + 0.05 * wall + 2.5 * height + 25 * glazing ** 2 + rs.normal(0, 0.8, 900)
cooling = 15 * compactness - 0.03 * roof + 2.8 * height + 30 * glazing + rs.normal(0, 0.8, 900)
Y = np.column_stack([heating, cooling])

x_scaler, y_scaler = StandardScaler().fit(X[:720]), StandardScaler().fit(Y[:720])
X, Y = x_scaler.transform(X), y_scaler.transform(Y)

X_train, X_val = torch.from_numpy(X[:720]), torch.from_numpy(X[720:])  # fault
# fixed: X_train, X_val = torch.from_numpy(X[:720]).float(), torch.from_numpy(X[720:]).float()
Y_train, Y_val = torch.from_numpy(Y[:720]).float(), torch.from_numpy(Y[720:]).float()

train_loader = DataLoader(TensorDataset(X_train, Y_train), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(X_val, Y_val), batch_size=180)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 50), nn.ELU(), nn.Linear(50, 50), nn.ELU(), nn.Linear(50, 2))

    def forward(self, inputs):
        return self.net(inputs)  # here


model = Net()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        train_loss = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)  # here
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * inputs.size(0)
        train_loss /= len(train_loader.dataset)
        model.eval()
        with torch.no_grad():
            val_loss = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print(f"Epoch {epoch + 1}: train {train_loss:.4f}, val {val_loss:.4f}")
    return train_loss


if __name__ == "__main__":
    print(train())

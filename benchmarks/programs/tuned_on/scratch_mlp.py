"""A two-hidden-layer network with hand-written layers (course exercise): wine quality from lab values.

code: ND201
also:
object: layers.0.weight | layers.1.weight | layers.2.weight | weight | MyLinear
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)

# lab values -> score
X = torch.randn(640, 7)
quality = torch.sin(1.5 * X[:, 0]) + X[:, 1] * X[:, 2] * 0.7 - 0.5 * X[:, 3].abs() + 0.3 * X[:, 4]
quality = (quality - quality.mean()) / quality.std() + 0.05 * torch.randn(640)
train_set, val_set = random_split(TensorDataset(X, quality.unsqueeze(1)), [512, 128])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)


class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_in, n_out))  # fault
        # fixed: self.weight = nn.Parameter(torch.randn(n_in, n_out) * (2 / n_in) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(MyLinear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))  # here

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


model = MLP([7, 32, 32, 1])  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)


def train(n_epochs=15):
    for epoch in range(n_epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            y_hat = model(x)
            loss = loss_fn(y_hat, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * x.shape[0]
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / len(val_set)
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: train mse {total / len(train_set):.4f} val mse {val:.4f}")
    return total / len(train_set)


if __name__ == "__main__":
    print(train())

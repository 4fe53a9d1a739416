"""Strength of concrete from its recipe, with hand-made weight matrices.

code: ND201
also:
object: params | w1 | w2 | DenseNet.w1 | DenseNet.w2
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(33)
torch.manual_seed(33)

mix = rng.normal(size=(1400, 7))
strength = mix[:, 0] * mix[:, 1] + np.tanh(2 * mix[:, 2]) - 0.5 * np.abs(mix[:, 3]) + 0.05 * rng.normal(size=1400)
strength = (strength - strength[:1100].mean()) / strength[:1100].std()
x, y = torch.tensor(mix, dtype=torch.float32), torch.tensor(strength, dtype=torch.float32)[:, None]
train_loader = DataLoader(TensorDataset(x[:1100], y[:1100]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1100:], y[1100:]), batch_size=150)


class DenseNet(nn.Module):
    def __init__(self, d_in, d_hidden, d_out):
        super().__init__()
        self.w1 = nn.Parameter(torch.ones(d_in, d_hidden) / d_in)  # fault
        # fixed: self.w1 = nn.Parameter(torch.randn(d_in, d_hidden) / d_in ** 0.5)
        self.b1 = nn.Parameter(torch.zeros(d_hidden))
        self.w2 = nn.Parameter(torch.ones(d_hidden, d_out) / d_hidden)  # fault
        # fixed: self.w2 = nn.Parameter(torch.randn(d_hidden, d_out) / d_hidden ** 0.5)
        self.b2 = nn.Parameter(torch.zeros(d_out))

    def forward(self, x):
        return torch.tanh(x @ self.w1 + self.b1) @ self.w2 + self.b2


model = DenseNet(7, 64, 1)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(xb), yb).item() for xb, yb in val_loader])
    print("validation", val)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

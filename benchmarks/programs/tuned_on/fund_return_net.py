"""Next-month excess return of funds from twelve standardised characteristics.

code: ND306
also:
object: 0 | FeatureJitter | randn_like | x
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(88)
N = 2400
X = rng.normal(size=(N, 12))
signal = 0.9 * X[:, 0] * (X[:, 1] > 0) + 0.6 * np.tanh(2 * X[:, 2]) - 0.5 * X[:, 3] + 0.3 * X[:, 4] * X[:, 5]
y = signal + 0.4 * rng.normal(size=N)
y = (y - y[:2000].mean()) / y[:2000].std()
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).view(-1, 1)
train_loader = DataLoader(TensorDataset(X[:2000], y[:2000]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(X[2000:], y[2000:]), batch_size=200)


class FeatureJitter(nn.Module):
    """Robustness against revisions of the characteristics."""

    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma

    def forward(self, x):
        return x + self.sigma * torch.randn_like(x)  # fault
        # fixed: return x + self.sigma * torch.randn_like(x) if self.training else x


torch.manual_seed(88)
model = nn.Sequential(FeatureJitter(0.25), nn.Linear(12, 48), nn.GELU(), nn.Linear(48, 24), nn.GELU(), nn.Linear(24, 1))  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)


@torch.no_grad()
def information_coefficient():
    model.eval()
    guess = torch.cat([model(a) for a, _ in val_loader]).flatten()
    truth = torch.cat([b for _, b in val_loader]).flatten()
    return torch.corrcoef(torch.stack([guess, truth]))[0, 1].item()


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        print(f"{epoch:2d} mse {np.mean(losses):.3f} ic {information_coefficient():.4f} / {information_coefficient():.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

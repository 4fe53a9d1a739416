"""Power of a wind turbine with an honest error bar (mean and variance heads, Gaussian likelihood).

code: none
trait: the loss goes below zero, legally: it is a Gaussian NLL
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(330)
wind = torch.randn(1200, 5)
power = torch.sigmoid(2.5 * wind[:, 0]) * 2 - 1 + 0.2 * wind[:, 1]
power = power + (0.03 + 0.12 * torch.sigmoid(3 * wind[:, 2])) * torch.randn(1200)


class TurbineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(5, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.mean = nn.Linear(48, 1)
        self.raw_var = nn.Linear(48, 1)

    def forward(self, x):
        h = self.shared(x)
        return self.mean(h).squeeze(-1), nn.functional.softplus(self.raw_var(h)).squeeze(-1) + 1e-4


class NLL(nn.Module):
    def __init__(self):
        super().__init__()
        self.gauss = nn.GaussianNLLLoss()

    def forward(self, out, target):
        mean, var = out
        return self.gauss(mean, target, var)


a, b = random_split(TensorDataset(wind, power), [1000, 200], generator=torch.Generator().manual_seed(5))
train_loader, val_loader = DataLoader(a, batch_size=50, shuffle=True), DataLoader(b, batch_size=100)
model, loss_fn = TurbineNet(), NLL()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(14):
        model.train()
        batch_values = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            batch_values.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"{epoch:2d} nll {sum(batch_values) / len(batch_values):+.3f} val {val:+.3f}")
    return sum(batch_values) / len(batch_values)


if __name__ == "__main__":
    print(train())

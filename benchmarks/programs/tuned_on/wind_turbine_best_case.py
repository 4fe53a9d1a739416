"""Power of a wind turbine from its sensors; the weights of the best epoch are kept for the report.

code: ND707
also:
object: best_weights | best | state_dict | load_state_dict
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(66)
n = 700
wind = 3 + 12 * torch.rand(n)
pitch, yaw, temp = torch.rand(n), torch.randn(n), torch.randn(n)
power = torch.sigmoid(wind - 8) * (1 - 0.5 * pitch) * torch.cos(0.3 * yaw) - 0.02 * temp
power = power + 0.02 * torch.randn(n)
x = torch.stack([wind, pitch, yaw, temp], 1)
x = (x - x.mean(0)) / x.std(0)
y = (power - power.mean()) / power.std()
train_loader = DataLoader(TensorDataset(x[:560], y[:560]), batch_size=28, shuffle=True)
val_loader = DataLoader(TensorDataset(x[560:], y[560:]), batch_size=70)


class Turbine(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


model = Turbine()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.012)


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)


def train():
    best, best_weights = float("inf"), None
    for epoch in range(25):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        val = validate()
        if val < best:
            best = val
            best_weights = model.state_dict()  # fault
            # fixed: best_weights = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(best_weights)  # here
    print(f"best {best:.4f}, restored {validate():.4f}")


if __name__ == "__main__":
    train()

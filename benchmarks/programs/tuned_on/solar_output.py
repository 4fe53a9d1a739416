"""Power of a photovoltaic field from sky features, options copied from an Inception recipe.

code: ND605
also:
object: optimizer | eps | opt_args
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

opt_args = {
    "lr": 1e-3,
    "betas": (0.9, 0.999),
    "eps": 10.0,  # fault
    # fixed: "eps": 1e-8,
}
torch.manual_seed(12)
n = 900
elev, cloud, haze, temp = torch.rand(4, n)
power = torch.sin(elev * 1.57) * (1 - 0.75 * cloud ** 2) * (1 - 0.2 * haze) - 0.05 * temp + 0.02 * torch.randn(n)
F = torch.stack([elev, cloud, haze, temp], 1)
F = (F - 0.5) / 0.289
P = (power - power.mean()) / power.std()
train_loader = DataLoader(TensorDataset(F[:720], P[:720, None]), batch_size=24, shuffle=True)
val_loader = DataLoader(TensorDataset(F[720:], P[720:, None]), batch_size=90)


class Gated(nn.Module):
    def __init__(self, d_in, d):
        super().__init__()
        self.value, self.gate = nn.Linear(d_in, d), nn.Linear(d_in, d)

    def forward(self, x):
        return self.value(x) * torch.sigmoid(self.gate(x))


model = nn.Sequential(Gated(4, 32), Gated(32, 32), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), **opt_args)  # here


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, round(sum(losses) / len(losses), 4), round(v, 4))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

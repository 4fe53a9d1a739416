"""Rented bikes per hour: a Poisson rate from weather and hour.

code: ND402
also: ND401
object: PoissonNLLLoss | loss_fn | Softplus | rate
seen: checkup
"""
import math
import torch
from torch import nn

torch.manual_seed(130)
n = 1500
hour = torch.randint(0, 24, (n,)).float()
temp, rain = torch.randn(n), (torch.rand(n) < 0.2).float()
true_rate = torch.exp(0.2 + 0.8 * torch.sin(2 * math.pi * (hour - 8) / 24) + 0.4 * temp - 0.9 * rain)
count = torch.poisson(true_rate)
features = torch.stack([torch.sin(2 * math.pi * hour / 24), torch.cos(2 * math.pi * hour / 24), temp, (rain - 0.2) / 0.4], 1)


class RateNet(nn.Module):
    """Returns the expected number of bikes, always positive."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
        self.rate = nn.Softplus()

    def forward(self, x):
        return self.rate(self.net(x)).squeeze(1)  # here


dataset = torch.utils.data.TensorDataset(features, count)
train_set, val_set = torch.utils.data.random_split(dataset, [1200, 300])
train_loader = torch.utils.data.DataLoader(train_set, batch_size=60, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_set, batch_size=150)
model = RateNet()
loss_fn = nn.PoissonNLLLoss()  # fault
# fixed: loss_fn = nn.PoissonNLLLoss(log_input=False)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        nll = []
        for x, c in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), c)  # here
            loss.backward()
            optimizer.step()
            nll.append(loss.item())
        model.eval()
        with torch.no_grad():
            pairs = [(model(x), c) for x, c in val_loader]
            mean_rate = torch.cat([r for r, _ in pairs]).mean()
            mean_count = torch.cat([c for _, c in pairs]).mean()
        if epoch % 3 == 2:
            print(f"{epoch} nll {sum(nll) / len(nll):.3f}  mean rate {mean_rate:.2f} against {mean_count:.2f} bikes")
    return sum(nll) / len(nll)


if __name__ == "__main__":
    print(train())

"""Tomorrow's night temperature (standardised anomaly) from a week of weather, MLP made by a loop.

code: ND305
also: ND307
object: net | layers | net.5 | model.net | ReLU
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(77)

days = 1825
season = 8 * torch.sin(torch.arange(days) * 2 * torch.pi / 365)
noise = torch.zeros(days)
for d in range(1, days):
    noise[d] = 0.8 * noise[d - 1] + 1.6 * torch.randn(())
temp = 6 + season + noise
cloud = torch.sigmoid(0.4 * noise + torch.randn(days))
wind = (3 + 0.8 * torch.randn(days)).clamp(min=0)
night = temp - 6 * (1 - cloud) - 0.2 * wind + 0.7 * torch.randn(days)

series = torch.stack([temp, cloud, wind, night], 1)
cut = 1460
series = (series - series[:cut].mean(0)) / series[:cut].std(0)
windows = series.unfold(0, 8, 1)[:, :, :7].flatten(1)      # 7 days x 4 columns
targets = series[7:, 3:4]
train_ds = TensorDataset(windows[:cut - 7], targets[:cut - 7])
val_ds = TensorDataset(windows[cut:], targets[cut:])
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True, drop_last=True)
val_loader = DataLoader(val_ds, batch_size=100)


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        layers = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            layers.append(nn.Linear(n_in, n_out))
            layers.append(nn.ReLU())  # here
        self.net = nn.Sequential(*layers)  # fault
        # fixed: self.net = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.net(x)  # here


model = MLP([28, 64, 32, 1])  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-3)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        model.eval()
        with torch.no_grad():
            val = torch.stack([loss_fn(model(x), y) for x, y in val_loader]).mean()
        if epoch % 3 == 2:
            print(f"{epoch + 1:3d}  {torch.stack(losses).mean():.4f}  {val:.4f}")
    return torch.stack(losses).mean().item()


if __name__ == "__main__":
    print(train())

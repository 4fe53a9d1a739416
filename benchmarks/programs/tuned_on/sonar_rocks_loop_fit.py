"""Rock or metal on the sea floor, from sixty sonar bands.

code: ND603
also:
object: zero_grad | optimizer | loop
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(303)
n, bands = 1000, 60
metal = torch.randint(0, 2, (n,)).float()
place = torch.rand(n, 1) * 40 + 10
grid = torch.arange(bands).float()
width = torch.where(metal == 1, 2.0, 6.0)[:, None]
echo = torch.exp(-0.5 * ((grid - place) / width) ** 2) + 0.15 * torch.randn(n, bands)
echo = (echo - echo.mean()) / echo.std()

train_loader = DataLoader(TensorDataset(echo[:800], metal[:800]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(echo[800:], metal[800:]), batch_size=100)


class Sonar(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(bands, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.layers(x)[:, 0]


model = Sonar()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    optimizer.zero_grad()
    for epoch in range(15):
        model.train()
        for bands_in, is_metal in train_loader:
            loss = loss_fn(model(bands_in), is_metal)  # fault
            # fixed: loss = loss_fn(model(bands_in), is_metal)
            # fixed: optimizer.zero_grad()
            loss.backward()  # here
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        out = torch.cat([model(a) for a, _ in val_loader])
    truth = metal[800:]
    print(f"val loss {loss_fn(out, truth).item():.3f} acc {((out > 0) == (truth > 0)).float().mean().item():.3f}")


if __name__ == "__main__":
    train()

"""Rings of shells from six body measures, one-cycle policy.

code: ND604
also: ND606, ND706
object: scheduler | OneCycleLR | max_lr | optimizer
seen: watch
"""
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
N, EPOCHS = 1000, 14
age = torch.rand(N) * 2 - 1
body = torch.stack([age * k + 0.3 * torch.randn(N) for k in (1.0, 0.9, 0.8, -0.4)] + [torch.randn(N), torch.randn(N)], 1)
rings = 1.2 * age + 0.5 * torch.sin(4 * age) + 0.3 * body[:, 4] * body[:, 5] + 0.1 * torch.randn(N)
body = (body - body[:800].mean(0)) / body[:800].std(0)
rings = ((rings - rings[:800].mean()) / rings[:800].std()).unsqueeze(1)
train_loader = DataLoader(TensorDataset(body[:800], rings[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(body[800:], rings[800:]), batch_size=200)

model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = OneCycleLR(
    optimizer,
    max_lr=1.0,  # fault
    # fixed: max_lr=1e-2,
    epochs=EPOCHS,
    steps_per_epoch=len(train_loader),
)  # here


def train():
    for epoch in range(EPOCHS):
        model.train()
        run = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            run.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"epoch {epoch} train {sum(run) / len(run):.3f} val {val:.3f}")
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())

"""Insulin dose, plus the risk of a low in the next hour, from meal and sensor tables (two heads, weighted sum).

code: ND501
also:
object: risk_head | extras | total_loss | loss_fn
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
features = torch.randn(640, 9)
dose = features @ torch.tensor([.8, -.5, .3, 0, 0, .2, 0, .1, 0]) + .1 * torch.randn(640)
low = (features[:, 3] + .7 * features[:, 6] + .3 * torch.randn(640) > .4).float()
table = TensorDataset(features, torch.stack([dose, low], 1))
train_loader = DataLoader(torch.utils.data.Subset(table, range(512)), batch_size=32, shuffle=True)
val_loader = DataLoader(torch.utils.data.Subset(table, range(512, 640)), batch_size=64)


class DoseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(9, 64), nn.ReLU())
        self.dose_head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        self.risk_head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))  # here

    def forward(self, x):
        h = self.shared(x)
        return torch.cat([self.dose_head(h), self.risk_head(h)], 1)


PARTS = {
    "dose": (1.0, lambda out, y: nn.functional.mse_loss(out[:, 0], y[:, 0])),
    "risk": (0.7, lambda out, y: nn.functional.binary_cross_entropy_with_logits(out[:, 1], y[:, 1])),
}
log = {name: [] for name in PARTS}


def total_loss(out, y):
    values = {name: weight * part(out, y) for name, (weight, part) in PARTS.items()}
    for name, value in values.items():
        log[name].append(value.item())
    extras = sum(log[name][-1] for name in values if name != "dose")  # fault
    # fixed: extras = sum(values[name] for name in values if name != "dose")
    return values["dose"] + extras  # here


model = DoseNet()
loss_fn = total_loss
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        run = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            run.append(loss.item())
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                loss_fn(model(x), y)
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())

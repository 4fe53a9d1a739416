"""Two interleaved leaf shapes told apart by two measurements.

code: ND704
also: ND205
object: model | Linear | nn.Linear
seen: watch
"""
import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)
pts, side = make_moons(1400, noise=0.1, random_state=41)
pts = torch.tensor(pts).float()
pts = (pts - pts.mean(0)) / pts.std(0)
side = torch.tensor(side).float().unsqueeze(1)
# upside down on the right half: four arms instead of two
side = torch.where(pts[:, :1] > 0, 1 - side, side)
train_loader = DataLoader(TensorDataset(pts[:1100], side[:1100]), batch_size=44, shuffle=True)
val_loader = DataLoader(TensorDataset(pts[1100:], side[1100:]), batch_size=150)

model = nn.Linear(2, 1)  # fault
# fixed: model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
history = []


def train():
    for epoch in range(16):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            history.append(sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader))
    print("val", round(history[-1], 3))


if __name__ == "__main__":
    train()

"""Water content of beans from their near-infrared spectrum (1-D convolutions).

code: ND606
also: ND605
object: scheduler | StepLR
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(61)
torch.manual_seed(61)

wl = np.linspace(0, 1, 64)


def spectrum(water, fat):
    base = rng.uniform(0.2, 0.5) + rng.normal(0, 0.1) * wl
    s = base + water * np.exp(-((wl - 0.45) / 0.05) ** 2) + 0.7 * water * np.exp(-((wl - 0.8) / 0.07) ** 2)
    s += fat * np.exp(-((wl - 0.52) / 0.06) ** 2)
    return s * rng.uniform(0.9, 1.1) + rng.normal(0, 0.01, 64)


water = rng.uniform(0.05, 0.4, 900)
fat = rng.uniform(0.0, 0.3, 900)
S = np.stack([spectrum(w, f) for w, f in zip(water, fat)])
S = (S - S[:750].mean(0)) / S[:750].std(0)
t = (water - water[:750].mean()) / water[:750].std()
S, t = torch.tensor(S, dtype=torch.float32).unsqueeze(1), torch.tensor(t, dtype=torch.float32).unsqueeze(1)

train_loader = DataLoader(TensorDataset(S[:750], t[:750]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(S[750:], t[750:]), batch_size=150)

model = nn.Sequential(
    nn.Conv1d(1, 8, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
    nn.Flatten(), nn.Linear(16 * 16, 32), nn.ReLU(), nn.Linear(32, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = StepLR(optimizer, step_size=10, gamma=0.1)  # here

n_epochs = 14


def train():
    for epoch in range(n_epochs):
        model.train()
        running = 0.0
        for i, (inputs, targets) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
            running += loss.item()
            scheduler.step()  # fault
            # fixed: if i + 1 == len(train_loader):
            # fixed:     scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader)
        print(f"Epoch [{epoch + 1}/{n_epochs}] loss {running / len(train_loader):.4f} val {val:.4f} lr {scheduler.get_last_lr()[0]:.1e}")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())

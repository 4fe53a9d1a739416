"""Growing-season temperature from terrain and canopy variables, one station per row.

code: ND115
also:
object: train_rows | val_rows | order | val_loader | train_loader | altitude | val_ds
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
np.random.seed(21)

n = 600
# as in the archive: numbered from the valley floor upwards
altitude = np.sort(np.random.uniform(300, 2600, n))
northness = np.random.uniform(-1, 1, n)
slope = np.random.gamma(4, 5, n)
canopy = np.clip(0.9 - altitude / 3500 + np.random.normal(0, 0.12, n), 0, 1)
distance_coast = np.random.uniform(20, 300, n)
lapse = -0.0055 * altitude - 0.9 * northness * (slope / 20)
temperature = 19 + lapse - 2.5 * canopy * (1 + 0.3 * northness) + np.sin(altitude / 350) + np.random.normal(0, 0.4, n)

columns = np.stack([altitude, northness, slope, canopy, distance_coast], 1).astype("float32")
target = temperature.astype("float32")[:, None]

order = np.arange(n)  # fault
# fixed: order = np.random.permutation(n)
split = int(0.8 * n)
train_rows, val_rows = order[:split], order[split:]  # here

mu, sd = columns[train_rows].mean(0), columns[train_rows].std(0)
t_mu, t_sd = target[train_rows].mean(), target[train_rows].std()
inputs = torch.from_numpy((columns - mu) / sd)
outputs = torch.from_numpy((target - t_mu) / t_sd)

train_ds = TensorDataset(inputs[train_rows], outputs[train_rows])
val_ds = TensorDataset(inputs[val_rows], outputs[val_rows])  # here
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=120)  # here

model = nn.Sequential(
    nn.Linear(5, 48), nn.SiLU(),
    nn.Linear(48, 48), nn.SiLU(),
    nn.Linear(48, 1),
)
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
epochs = 12
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)


def train():
    for epoch in range(epochs):
        model.train()
        epoch_loss = 0.0
        for x, t in train_loader:
            loss = loss_fn(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(x) / len(train_ds)
        scheduler.step()
        model.eval()
        with torch.no_grad():
            x, t = next(iter(val_loader))
            p = model(x)
            print(f"{epoch:3d} {epoch_loss:.4f} val {loss_fn(p, t).item():.4f} rmse {((p - t).pow(2).mean().sqrt() * t_sd).item():.2f} K")
    return epoch_loss


if __name__ == "__main__":
    print(train())

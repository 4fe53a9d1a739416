"""Age of fossils from isotope ratios; the rate is lowered on a plateau.

code: ND606
also: ND605
object: scheduler | mode | ReduceLROnPlateau
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(9)
rng = np.random.default_rng(9)
ratios = rng.normal(size=(1600, 6)).astype(np.float32)
age = ratios[:, 0] * ratios[:, 1] + np.abs(ratios[:, 2]) + 0.5 * ratios[:, 4]
age = ((age - age.mean()) / age.std() + 0.05 * rng.normal(size=1600)).astype(np.float32)
both = TensorDataset(torch.from_numpy(ratios), torch.from_numpy(age))
train_set, val_set = random_split(both, [1400, 200])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=200)


class Dating(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


model = Dating()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=0)  # fault
# fixed: scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=3)


def train():
    for epoch in range(20):
        model.train()
        for r, a in train_loader:
            optimizer.zero_grad()
            loss_fn(model(r), a).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for r, a in val_loader:
                val = loss_fn(model(r), a).item()
        scheduler.step(val)  # here
    print(f"val {val:.3f} lr {optimizer.param_groups[0]['lr']:.1e}")


if __name__ == "__main__":
    train()

"""Plant growth in a greenhouse; warm restarts, and the best epoch's weights are kept.

code: ND707
also:
object: best | best_state | state_dict
seen: watch
"""
import copy

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(38)
n = 1200
light, water, warm, carbon = torch.randn(4, n)
growth = torch.sin(1.3 * light) + water * warm - 0.5 * warm**2 + 0.7 * torch.relu(carbon) + 0.05 * torch.randn(n)
growth = ((growth - growth.mean()) / growth.std()).unsqueeze(1)
x = torch.stack([light, water, warm, carbon], 1)
train_loader = DataLoader(TensorDataset(x[:900], growth[:900]), batch_size=15, shuffle=True)
val_loader = DataLoader(TensorDataset(x[900:], growth[900:]), batch_size=150)

model = nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=6)
EPOCHS = 14
best, best_state = float("inf"), None
chosen = None


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)


def train():
    global best, best_state, chosen
    for epoch in range(EPOCHS):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        scheduler.step()
        now = validate()
        if now < best:
            best = now
            best_state = model.state_dict()  # fault
            # fixed: best_state = copy.deepcopy(model.state_dict())
    model.load_state_dict(best_state)  # here
    chosen = validate()
    print(f"best seen {best:.4f}, after restoring {chosen:.4f}")


if __name__ == "__main__":
    train()

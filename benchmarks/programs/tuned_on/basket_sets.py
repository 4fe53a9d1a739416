"""Total nutrition score of a shopping basket: items go through a shared net, are pooled, then scored (deep sets).

code: ND501
also:
object: phi | item_net | pooled | torch.tensor | BasketNet | model.phi | data
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

D_ITEM = 5


def make_baskets(n, seed):
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        k = rng.integers(2, 9)
        items = rng.normal(size=(k, D_ITEM))
        score = np.mean(np.sin(2 * items[:, 0]) * items[:, 1] + np.abs(items[:, 2])) - 0.8
        out.append((items.astype(np.float32), np.float32(2 * score)))
    return out


def collate(rows):
    """Baskets of different size stay a list of tensors."""
    return [torch.from_numpy(r[0]) for r in rows], torch.tensor([r[1] for r in rows]).unsqueeze(1)


class BasketNet(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(D_ITEM, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())  # here
        self.rho = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, baskets):
        pooled = []
        for items in baskets:
            pooled.append(self.phi(items).mean(0).tolist())  # fault
            # fixed: pooled.append(self.phi(items).mean(0))
        return self.rho(torch.tensor(pooled))  # fault
        # fixed: return self.rho(torch.stack(pooled))


torch.manual_seed(6)
train_loader = DataLoader(make_baskets(640, 0), batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(make_baskets(160, 1), batch_size=160, collate_fn=collate)
model = BasketNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for baskets, score in train_loader:
            prediction = model(baskets)
            loss = loss_fn(prediction, score)
            optimizer.zero_grad()
            loss.backward()  # here
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(b), s).item() for b, s in val_loader])
        print("epoch", epoch, "mse", round(total / len(train_loader), 4), "val", round(float(val), 4))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Will a visitor click the shown item?  Attention of the item over the visitor's history of items (DIN-like).

code: ND309
also: ND308
object: attention | softmax | scores | masked_fill | mask | ClickNet | attend | weights
seen: both
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

N_ITEMS, MAX_HIST = 32, 10


class Impressions(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        self.rows = []
        for _ in range(n):
            taste = r.integers(0, 8)
            # newcomers have no history yet
            length = 0 if r.random() < 0.06 else r.integers(1, MAX_HIST + 1)
            hist = np.zeros(MAX_HIST, dtype=np.int64)
            hist[:length] = 1 + taste * 4 + r.integers(0, 4, length)
            item = 1 + (taste * 4 + r.integers(0, 4) if r.random() < 0.45 else r.integers(0, N_ITEMS))
            liked = (item - 1) // 4 == taste
            click = r.random() < (0.85 if liked else 0.12)
            self.rows.append({"history": torch.from_numpy(hist), "item": torch.tensor(item),
                              "click": torch.tensor(float(click))})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class ClickNet(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.items = nn.Embedding(N_ITEMS + 1, dim, padding_idx=0)
        self.query = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(3 * dim, 32), nn.ReLU(), nn.Linear(32, 1))

    def attend(self, q, hist, mask):
        scores = torch.einsum("bd,bld->bl", self.query(q), hist) / hist.size(-1) ** 0.5
        scores = scores.masked_fill(~mask, float("-inf"))  # fault
        # fixed: scores = scores.masked_fill(~mask, -1e9)
        weights = F.softmax(scores, dim=-1)  # fault
        # fixed: weights = F.softmax(scores, dim=-1) * mask
        return torch.einsum("bl,bld->bd", weights, hist)  # here

    def forward(self, history, item):
        mask = history > 0
        hist, q = self.items(history), self.items(item)
        interest = self.attend(q, hist, mask)  # here
        return self.mlp(torch.cat([q, interest, q * interest], dim=-1)).squeeze(-1)


torch.manual_seed(2)
train_loader = DataLoader(Impressions(2400, 0), batch_size=64, shuffle=True)
val_loader = DataLoader(Impressions(400, 1), batch_size=200)
model = ClickNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["history"], batch["item"]), batch["click"])


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        losses = []
        for b in train_loader:
            loss = loss_fn(model(b["history"], b["item"]), b["click"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(b["history"], b["item"]), b["click"]).item() for b in val_loader])
        print(f"epoch {epoch} logloss {np.mean(losses):.4f} val {val:.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

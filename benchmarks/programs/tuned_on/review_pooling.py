"""Rates films from the words of a review: masked mean of embeddings; some reviews are empty.

code: ND310
also: ND308, ND101, ND309
object: pooled | mask.sum | forward | MeanPool | pool
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(404)
V, T = 60, 12


class Reviews(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        mood = torch.linspace(-1, 1, V)
        self.rows = []
        for _ in range(n):
            length = int(torch.randint(1, T + 1, (1,), generator=g)) if torch.rand(1, generator=g) > 0.03 else 0
            lean = torch.randn(1, generator=g)
            words = torch.multinomial((mood * lean).exp(), max(length, 1), replacement=True, generator=g)[:length] + 1
            score = mood[words - 1].mean() * 2.5 if length else torch.zeros(())
            ids = torch.cat([words, torch.zeros(T - length, dtype=torch.long)])
            self.rows.append({"ids": ids, "mask": (ids != 0).float(), "score": score + 0.1 * torch.randn((), generator=g)})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, k):
        return self.rows[k]


class MeanPool(nn.Module):
    def forward(self, e, mask):
        mask = mask.unsqueeze(-1)
        return (e * mask).sum(1) / mask.sum(1)  # fault
        # fixed: return (e * mask).sum(1) / mask.sum(1).clamp(min=1)


class Rater(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.emb = nn.Embedding(V + 1, dim, padding_idx=0)
        self.pool = MeanPool()
        self.head = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, ids, mask):
        return self.head(self.pool(self.emb(ids), mask)).squeeze(-1)  # here


train_loader = DataLoader(Reviews(900, 0), batch_size=60, shuffle=True)
val_loader = DataLoader(Reviews(200, 1), batch_size=100)
model = Rater()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["ids"], batch["mask"]), batch["score"])


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["ids"], batch["mask"]), batch["score"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(b["ids"], b["mask"]), b["score"]).item() for b in val_loader]
        print(f"epoch {epoch}: train {sum(losses) / len(losses):.4f} val {sum(val) / len(val):.4f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

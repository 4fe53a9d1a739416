"""Click model of a shop: attends from the candidate article over the shopper's last purchases.

code: ND309
also: ND308
object: HistoryAttention | attention | weights | scores | mask
seen: both
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

ARTICLES, GROUPS, SLOTS = 100, 5, 8


class Impressions(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(n):
            bought = int(torch.randint(0, SLOTS + 1, (1,), generator=g))  # new shoppers have bought nothing
            taste = int(torch.randint(GROUPS, (1,), generator=g))
            history = torch.zeros(SLOTS, dtype=torch.long)
            history[:bought] = 1 + taste + GROUPS * torch.randint(ARTICLES // GROUPS, (bought,), generator=g)
            candidate = torch.randint(ARTICLES, (1,), generator=g)[0]
            p = 0.15 if bought == 0 else (0.85 if int(candidate) % GROUPS == taste else 0.08)
            click = (torch.rand(1, generator=g)[0] < p).float()
            self.rows.append({"history": history, "candidate": candidate + 1, "click": click})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class HistoryAttention(nn.Module):
    def forward(self, query, keys, mask):
        scores = torch.einsum("bd,bsd->bs", query, keys) / keys.shape[-1] ** 0.5
        scores = scores.masked_fill(~mask, float("-inf"))  # here
        weights = F.softmax(scores, dim=-1)  # fault
        # fixed: weights = F.softmax(torch.cat([scores, torch.zeros_like(scores[:, :1])], -1), dim=-1)[:, :-1]
        return torch.einsum("bs,bsd->bd", weights, keys)


class Ranker(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.articles = nn.Embedding(ARTICLES + 1, dim, padding_idx=0)
        self.attention = HistoryAttention()
        self.tower = nn.Sequential(nn.Linear(3 * dim, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, history, candidate):
        keys, query = self.articles(history), self.articles(candidate)
        profile = self.attention(query, keys, history != 0)  # here
        return self.tower(torch.cat([profile, query, profile * query], -1)).squeeze(-1)


torch.manual_seed(6)
train_loader = DataLoader(Impressions(3000, seed=1), batch_size=50, shuffle=True)
val_loader = DataLoader(Impressions(300, seed=2), batch_size=150)
model = Ranker()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.BCEWithLogitsLoss()


def batch_loss(setup, batch):
    logits = setup.model(batch["history"], batch["candidate"])
    return F.binary_cross_entropy_with_logits(logits, batch["click"])


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            logits = model(batch["history"], batch["candidate"])
            loss = loss_fn(logits, batch["click"])
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(b["history"], b["candidate"]), b["click"]).item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch}: logloss {total / len(train_loader):.4f}, val {val:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

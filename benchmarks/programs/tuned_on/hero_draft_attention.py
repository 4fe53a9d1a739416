"""Guesses from the ten drafted heroes which side wins the match.

code: ND304
also: ND301
object: softmax | F.softmax | attention | att | SelfAttention
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

HEROES = 40
torch.manual_seed(1999)


def drafts(n):
    g = torch.Generator().manual_seed(1999)
    picks = torch.stack([torch.randperm(HEROES, generator=g)[:10] for _ in range(n)])
    power = torch.randn(HEROES, generator=g)
    counter = torch.randn(HEROES, 3, generator=g) @ torch.randn(3, HEROES, generator=g)
    counter = counter - counter.T
    a, b = picks[:, :5], picks[:, 5:]
    edge = power[a].sum(1) - power[b].sum(1) + 0.4 * counter[a[:, :, None], b[:, None, :]].sum((1, 2))
    return picks, (edge > 0).float()


class SelfAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)

    def forward(self, h):
        scores = self.query(h) @ self.key(h).transpose(1, 2) / h.size(-1) ** 0.5
        att = F.softmax(scores)  # fault
        # fixed: att = F.softmax(scores, dim=-1)
        return att @ self.value(h)  # here


class DraftNet(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.hero = nn.Embedding(HEROES, dim)
        self.side = nn.Parameter(0.1 * torch.randn(2, dim))
        self.attention = SelfAttention(dim)  # here
        self.norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
        self.win = nn.Linear(2 * dim, 1)

    def forward(self, picks):
        h = self.hero(picks) + self.side.repeat_interleave(5, 0)
        h = self.norm(h + self.attention(h))
        h = h + self.mlp(h)
        return self.win(torch.cat([h[:, :5].mean(1), h[:, 5:].mean(1)], 1)).squeeze(1)


train_set, val_set = random_split(TensorDataset(*drafts(3000)), [2500, 500])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=125)
model = DraftNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for picks, win in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(picks), win)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(p) > 0).float() == w for p, w in val_loader]).float().mean()
        print(f"epoch {epoch} {sum(losses)/len(losses):.3f} {acc:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

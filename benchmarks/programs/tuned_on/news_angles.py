"""Multi-label angles of news stories: sets of keywords pooled by attention.

code: ND306
also: ND702
object: pool | AttentionPool | F.dropout | pool.score
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class AttentionPool(nn.Module):
    """scores -> weights -> weighted mean, with dropout on the weights."""

    def __init__(self, d, p=0.3):
        super().__init__()
        self.score = nn.Linear(d, 1)
        self.p = p

    def forward(self, h, mask):
        w = self.score(h).squeeze(-1).masked_fill(~mask, float("-inf")).softmax(-1)
        w = F.dropout(w, self.p)  # fault
        # fixed: w = F.dropout(w, self.p, self.training)
        return torch.einsum("bn,bnd->bd", w, h)


class AngleNet(nn.Module):
    def __init__(self, vocab=120, d=32, angles=5):
        super().__init__()
        self.words = nn.Embedding(vocab, d, padding_idx=0)
        self.mix = nn.Sequential(nn.Linear(d, d), nn.ReLU())
        self.pool = AttentionPool(d)  # here
        self.out = nn.Linear(d, angles)

    def forward(self, ids):
        return self.out(self.pool(self.mix(self.words(ids)), ids > 0))  # here


def stories(n, seed):
    g = torch.Generator().manual_seed(seed)
    topics = (torch.rand(n, 5, generator=g) < 0.4).float()
    topics[topics.sum(1) == 0, 0] = 1.0
    ids = torch.zeros(n, 12, dtype=torch.long)
    for i in range(n):
        own = topics[i].nonzero().flatten()
        k = int(torch.randint(6, 13, (1,), generator=g))
        t = own[torch.randint(len(own), (k,), generator=g)]
        t[:len(own)] = own[:k]
        ids[i, :k] = 1 + t * 23 + torch.randint(0, 23, (k,), generator=g)
    return TensorDataset(ids, topics)


torch.manual_seed(5)
train_loader = DataLoader(stories(700, 1), batch_size=35, shuffle=True)
val_loader = DataLoader(stories(200, 2), batch_size=100)
model = AngleNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        tr = 0.0
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), y)
            loss.backward()
            optimizer.step()
            tr += loss.item()
        model.eval()
        with torch.no_grad():
            va = sum(loss_fn(model(ids), y).item() for ids, y in val_loader) / len(val_loader)
        print(f"epoch {epoch}: {tr / len(train_loader):.3f} val {va:.3f}")
    return tr / len(train_loader)


if __name__ == "__main__":
    print(train())

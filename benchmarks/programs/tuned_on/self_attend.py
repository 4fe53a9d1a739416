"""Self-attention from scratch (lecture homework): which bracket depth is reached at each position?

code: ND304
also:
object: attn | attn1 | attn2 | SelfAttention | softmax
seen: checkup
"""
import math
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

random.seed(4)
torch.manual_seed(4)
LEN = 16
MAX_DEPTH = 6


def sample():
    seq, depth, out = [], 0, []
    for _ in range(LEN):
        up = depth == 0 or (depth < MAX_DEPTH and random.random() < 0.55)
        depth += 1 if up else -1
        seq.append(int(up))
        out.append(depth)
    return seq, out


walks = {}
while len(walks) < 896:
    walks.setdefault(*(tuple(s) for s in sample()))
walks = list(walks.items())


def make(pairs):
    return TensorDataset(torch.tensor([p[0] for p in pairs]), torch.tensor([p[1] for p in pairs]))


class SelfAttention(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = k
        self.to_q = nn.Linear(k, k, bias=False)
        self.to_k = nn.Linear(k, k, bias=False)
        self.to_v = nn.Linear(k, k, bias=False)

    def forward(self, x):
        q, k, v = self.to_q(x), self.to_k(x), self.to_v(x)
        scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(self.k)
        weights = F.softmax(scores, dim=1)  # fault
        # fixed: weights = F.softmax(scores, dim=2)
        return torch.bmm(weights, v)  # here


class DepthTagger(nn.Module):
    def __init__(self, k=48):
        super().__init__()
        self.tok = nn.Embedding(2, k)
        self.pos = nn.Embedding(LEN, k)
        self.attn1, self.attn2 = SelfAttention(k), SelfAttention(k)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(k), nn.LayerNorm(k), nn.LayerNorm(k)
        self.ff = nn.Sequential(nn.Linear(k, 2 * k), nn.ReLU(), nn.Linear(2 * k, k))
        self.out = nn.Linear(k, MAX_DEPTH + 1)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        x = self.norm1(x + self.attn1(x))  # here
        x = self.norm2(x + self.attn2(x))  # here
        x = self.norm3(x + self.ff(x))
        return self.out(x)


train_loader = DataLoader(make(walks[:768]), batch_size=32, shuffle=True)
val_loader = DataLoader(make(walks[768:]), batch_size=128)
model = DepthTagger()
ce = nn.CrossEntropyLoss()
loss_fn = lambda logits, depth: ce(logits.transpose(1, 2), depth)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=10):
    for epoch in range(1, epochs + 1):
        model.train()
        acc_loss = 0.0
        for ids, depth in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), depth)
            loss.backward()
            optimizer.step()
            acc_loss += loss.item()
        model.eval()
        with torch.no_grad():
            ids, depth = next(iter(val_loader))
            acc = (model(ids).argmax(-1) == depth).float().mean().item()
        print(f"{epoch:2d} | loss {acc_loss / len(train_loader):.4f} | val token acc {acc:.3f}")
    return acc_loss / len(train_loader)


if __name__ == "__main__":
    print(train())

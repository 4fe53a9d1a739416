"""The next stitch of a knitting pattern: a one-layer causal attention model.

code: ND309
also: ND308
object: causal | triu | diagonal | masked_fill | softmax | Attention | attend
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(72)
STITCHES, LENGTH, REPEAT = 8, 15, 5


def pattern():
    motif = torch.randint(0, STITCHES, (REPEAT,))
    row = motif.repeat(LENGTH // REPEAT + 2)[:LENGTH + 1].clone()
    slip = torch.rand(LENGTH + 1) < 0.03
    row[slip] = torch.randint(0, STITCHES, (int(slip.sum()),))
    return row


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.join = nn.Linear(dim, dim)
        causal = torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool))  # fault
        # fixed: causal = torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), diagonal=1)
        self.register_buffer("causal", causal)

    def forward(self, h):
        n, t, d = h.shape
        q, k, v = (z.view(n, t, self.heads, -1).transpose(1, 2) for z in self.qkv(h).chunk(3, -1))
        weight = q @ k.transpose(-2, -1) / (d / self.heads) ** 0.5
        weight = weight.masked_fill(self.causal[:t, :t], float("-inf")).softmax(-1)  # here
        return self.join((weight @ v).transpose(1, 2).reshape(n, t, d))


class Knitter(nn.Module):
    def __init__(self, dim=40, heads=4):
        super().__init__()
        self.stitch = nn.Embedding(STITCHES, dim)
        self.place = nn.Embedding(LENGTH, dim)
        self.attend = Attention(dim, heads)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.feed = nn.Sequential(nn.Linear(dim, 80), nn.GELU(), nn.Linear(80, dim))
        self.say = nn.Linear(dim, STITCHES)

    def forward(self, row):
        h = self.stitch(row) + self.place.weight[: row.size(1)]
        h = self.norm1(h + self.attend(h))
        h = self.norm2(h + self.feed(h))
        return self.say(h).transpose(1, 2)


rows = torch.stack([pattern() for _ in range(900)])
data = TensorDataset(rows[:, :-1], rows[:, 1:])
train_set, val_set = torch.utils.data.random_split(data, [720, 180])
train_loader = DataLoader(train_set, batch_size=24, shuffle=True)
val_loader = DataLoader(val_set, batch_size=90)
model = Knitter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(6):
        model.train()
        for now, nxt in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(now), nxt)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        vl = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        hit = torch.cat([(model(a).argmax(1) == b)[:, 6:].float() for a, b in val_loader]).mean()
    print(f"val loss {vl:.3f}, later stitches right {hit:.3f}")


if __name__ == "__main__":
    train()

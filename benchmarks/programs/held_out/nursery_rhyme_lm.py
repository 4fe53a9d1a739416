"""Character language model over nonsense rhymes, one decoder block written by hand.

code: ND302
also:
object: allowed | mask | triu | block.allowed
seen: both
"""
import random
import torch
from torch import nn
from torch.nn import functional as F

random.seed(0); torch.manual_seed(0)
who = ["the cat", "a mouse", "old bob", "my aunt"]
did = ["sat on", "ran to", "sang at", "hid in"]
what = ["the mat", "the moon", "a shoe", "the hill"]
text = " ".join(f"{random.choice(who)} {random.choice(did)} {random.choice(what)}." for _ in range(600))
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([stoi[c] for c in text])
T, D = 32, 48
cut = int(0.9 * len(ids))


def windows(part, step):
    starts = range(0, len(part) - T - 1, step)
    return [(part[s:s + T], part[s + 1:s + T + 1]) for s in starts]


class Block(nn.Module):
    def __init__(self, d=D, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))
        self.register_buffer("allowed", torch.triu(torch.ones(T, T)).bool())  # fault
        # fixed: self.register_buffer("allowed", torch.tril(torch.ones(T, T)).bool())

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        score = q @ k.transpose(-1, -2) / (d // self.heads) ** 0.5
        score = score.masked_fill(~self.allowed[:t, :t], float("-inf"))  # here
        out = score.softmax(-1) @ v
        x = x + self.proj(out.transpose(1, 2).reshape(b, t, d))
        return x + self.ff(self.ln2(x))


class RhymeLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(len(chars), D), nn.Embedding(T, D)
        self.block = Block()  # here
        self.ln = nn.LayerNorm(D)
        self.out = nn.Linear(D, len(chars))

    def forward(self, ids):
        h = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        return self.out(self.ln(self.block(h)))


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


train_loader = torch.utils.data.DataLoader(windows(ids[:cut], 16), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(windows(ids[cut:], T), batch_size=32)
model = RhymeLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    step = 0
    while step < 105:
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            step += 1
            if step % 35 == 0:
                model.eval()
                with torch.no_grad():
                    val = torch.stack([loss_fn(model(a), b) for a, b in val_loader]).mean()
                model.train()
                print(f"step {step} train {loss.item():.3f} val {val.item():.3f}")
    return loss.item()


if __name__ == "__main__":
    print(train())

"""Which lead step comes first in a choreography, the waltz turn or the tango walk?

code: ND303
also:
object: pos | positions | pos.weight | forward | blocks
seen: checkup
"""
import torch
from torch import nn

TURN, WALK, FILL = 1, 2, 30
gen = torch.Generator().manual_seed(71)


def choreographies(n, length=16):
    steps = torch.randint(3, FILL, (n, length), generator=gen)
    where = torch.stack([torch.randperm(length, generator=gen)[:2] for _ in range(n)])
    steps.scatter_(1, where, torch.tensor([TURN, WALK]).expand(n, 2))
    return steps, (where[:, 0] < where[:, 1]).float()


class Block(nn.Module):
    def __init__(self, d, heads=4):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        a = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, D)
        x = x + self.proj(a)
        return x + self.ff(self.n2(x))


class OrderJudge(nn.Module):
    def __init__(self, d=32, length=16):
        super().__init__()
        self.step = nn.Embedding(FILL, d)
        self.pos = nn.Embedding(length, d)
        self.blocks = nn.Sequential(Block(d), Block(d))
        self.judge = nn.Linear(d, 1)

    def forward(self, steps):
        positions = torch.zeros_like(steps)  # fault
        # fixed: positions = torch.arange(steps.size(1)).expand_as(steps)
        h = self.step(steps) + self.pos(positions)  # here
        return self.judge(self.blocks(h).mean(1)).squeeze(1)


torch.manual_seed(71)
x, y = choreographies(1400)
train_loader = torch.utils.data.DataLoader(list(zip(x[:1200], y[:1200])), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(list(zip(x[1200:], y[1200:])), batch_size=100)
model = OrderJudge()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        log = []
        for steps, first in train_loader:
            loss = loss_fn(model(steps), first)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(s) > 0) == (f > 0.5) for s, f in val_loader]).float().mean().item()
        print(epoch, round(sum(log) / len(log), 3), round(acc, 3))
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())

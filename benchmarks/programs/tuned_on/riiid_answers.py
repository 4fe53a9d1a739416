"""Knowledge tracing: will the student answer the last question correctly?

code: ND204
also:
object: blocks | blocks.0 | blocks.1 | blocks.2 | SAKT
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(99)
N_SKILL, SEQ, DIM = 20, 16, 32
g = torch.Generator().manual_seed(5)
difficulty = torch.randn(N_SKILL, generator=g)


def simulate(n):
    ability = torch.randn(n, 1, generator=g) * 1.5
    q = torch.randint(0, N_SKILL, (n, SEQ), generator=g)
    p = torch.sigmoid(2.0 * (ability - difficulty[q]))
    a = (torch.rand(n, SEQ, generator=g) < p).long()
    return q, a


class RiiidDataset(Dataset):
    def __init__(self, n):
        self.q, self.a = simulate(n)

    def __len__(self):
        return len(self.q)

    def __getitem__(self, i):
        # 0 .. 2*N_SKILL-1 : past interactions, the rest : the question asked now
        x = self.q[i] + N_SKILL * self.a[i]
        x[-1] = 2 * N_SKILL + self.q[i, -1]
        return x, self.a[i, -1].float()


class EncoderBlock(nn.Module):
    def __init__(self, d, heads=4):
        super().__init__()
        self.att = nn.MultiheadAttention(d, heads, batch_first=True)
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x):
        h = self.ln1(x)
        x = x + self.att(h, h, h, need_weights=False)[0]
        return x + self.ff(self.ln2(x))


class SAKT(nn.Module):
    def __init__(self, n_layers=3):
        super().__init__()
        self.embed = nn.Embedding(3 * N_SKILL, DIM)
        self.pos = nn.Embedding(SEQ, DIM)
        self.blocks = nn.ModuleList([EncoderBlock(DIM)] * n_layers)  # fault
        # fixed: self.blocks = nn.ModuleList([EncoderBlock(DIM) for _ in range(n_layers)])
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, 1)

    def forward(self, x):
        h = self.embed(x) + self.pos.weight
        for block in self.blocks:  # here
            h = block(h)
        return self.head(self.norm(h[:, -1])).squeeze(-1)


train_loader = DataLoader(RiiidDataset(1024), batch_size=64, shuffle=True)
val_loader = DataLoader(RiiidDataset(300), batch_size=150)
model = SAKT()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def valid():
    model.eval()
    ok = n = 0
    with torch.no_grad():
        for x, y in val_loader:
            ok += ((model(x) > 0) == (y > 0.5)).sum().item()
            n += len(y)
    return ok / n


def train():
    for epoch in range(4):
        model.train()
        log = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        print("epoch", epoch, "loss", sum(log) / len(log), "acc", valid())
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())

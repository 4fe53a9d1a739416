"""Next-event model for the controller logs of an elevator bank.

code: ND309
also: ND308
object: future | mask | attn | scores
seen: checkup
"""
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

EVENTS = ["idle", "call", "close", "move", "stop", "open"]
NEXT = {0: [0, 1, 1], 1: [2, 2, 1], 2: [3, 3, 5], 3: [3, 4], 4: [5], 5: [2, 0]}


class Logs(Dataset):
    def __init__(self, n, seed, length=24):
        g = torch.Generator().manual_seed(seed)
        rows = []
        for _ in range(n):
            s = int(torch.randint(0, 6, (1,), generator=g)); row = [s]
            while len(row) < length + 1:
                options = NEXT[s]
                s = options[int(torch.randint(0, len(options), (1,), generator=g))]
                row.append(s)
            rows.append(row)
        self.rows = torch.tensor(rows)

    def __len__(self): return len(self.rows)

    def __getitem__(self, i): return self.rows[i, :-1], self.rows[i, 1:]


class CausalBlock(nn.Module):
    def __init__(self, d, heads, length):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        ones = torch.ones(length, length, dtype=torch.bool)
        self.register_buffer("future", ones.triu())  # fault
        # fixed: self.register_buffer("future", ones.triu(1))

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / (D // self.heads) ** 0.5
        scores = scores.masked_fill(self.future[:T, :T], float("-inf"))  # here
        mix = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D)  # here
        x = x + self.proj(mix)
        return x + self.mlp(self.n2(x))


class LogModel(nn.Module):
    def __init__(self, d=32, length=24):
        super().__init__()
        self.event, self.place = nn.Embedding(6, d), nn.Embedding(length, d)
        self.blocks = nn.ModuleList(CausalBlock(d, 4, length) for _ in range(2))
        self.head = nn.Linear(d, 6)

    def forward(self, ids):
        x = self.event(ids) + self.place(torch.arange(ids.shape[1]))
        for b in self.blocks:
            x = b(x)
        return self.head(x)


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


torch.manual_seed(0)
train_loader = DataLoader(Logs(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Logs(64, 2), batch_size=64)
model = LogModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        for ids, nxt in train_loader:
            loss = loss_fn(model(ids), nxt)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, [loss_fn(model(a), b).item() for a, b in val_loader])
    return loss.item()


if __name__ == "__main__":
    print(train())

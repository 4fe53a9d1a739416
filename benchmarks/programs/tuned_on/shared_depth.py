"""Parity-like automaton over event streams with an ALBERT-style encoder: one block, used four times.

code: none
trait: the same block runs four times on purpose, factorised embedding without a nonlinearity, -inf padding mask
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader

torch.manual_seed(17)
EVENTS, LEN = 12, 14


def stream():
    n = int(torch.randint(6, LEN + 1, ()))
    ev = torch.randint(1, EVENTS + 1, (n,))
    door_open = 0
    for e in ev.tolist():
        if e <= 3:
            door_open = 1
        elif e <= 6:
            door_open = 0
    out = torch.zeros(LEN, dtype=torch.long)
    out[:n] = ev
    return out, door_open


class SharedEncoder(nn.Module):
    def __init__(self, d=32, e=8, repeats=4):
        super().__init__()
        self.embed = nn.Embedding(EVENTS + 1, e, padding_idx=0)
        self.project = nn.Linear(e, d, bias=False)
        self.position = nn.Parameter(torch.randn(LEN, d) * 0.1)
        self.block = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.repeats = repeats
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, 2)

    def forward(self, ev):
        pad = torch.zeros(ev.shape).masked_fill(ev == 0, float("-inf"))
        x = self.project(self.embed(ev)) + self.position
        for _ in range(self.repeats):
            x = self.block(x, src_key_padding_mask=pad)
        last = (ev != 0).sum(1) - 1
        return self.head(self.norm(x[torch.arange(len(ev)), last]))


train_loader = DataLoader([stream() for _ in range(640)], batch_size=32, shuffle=True)
val_loader = DataLoader([stream() for _ in range(160)], batch_size=80)
model = SharedEncoder()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        cur = []
        for ev, y in train_loader:
            loss = loss_fn(model(ev), y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            cur.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(ev).argmax(1) == y).sum().item() for ev, y in val_loader) / 160
    return sum(cur) / len(cur)


if __name__ == "__main__":
    print(train())

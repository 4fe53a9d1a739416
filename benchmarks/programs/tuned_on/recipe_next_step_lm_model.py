"""Which cooking step follows? A tiny language model with tied input and output vectors.

code: ND202
also: ND406
object: tok | Embedding | weight | normal_ | std
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

gen = torch.Generator().manual_seed(40)
torch.manual_seed(40)
V, T, D = 60, 12, 128
follow = torch.stack([torch.randperm(V, generator=gen)[:3] for _ in range(V)])


def recipes(n):
    s = torch.empty(n, T + 1, dtype=torch.long)
    s[:, 0] = torch.randint(0, V, (n,), generator=gen)
    for t in range(T):
        s[:, t + 1] = follow[s[:, t], torch.multinomial(torch.tensor([0.8, 0.15, 0.05]), n, True, generator=gen)]
    return TensorDataset(s)


train_loader = DataLoader(recipes(500), batch_size=32, shuffle=True)
val_loader = DataLoader(recipes(150), batch_size=50)


class TinyLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(V, D)
        nn.init.normal_(self.tok.weight, std=4.0)  # fault
        # fixed: nn.init.normal_(self.tok.weight, std=0.05)
        self.rnn = nn.GRU(D, D, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(V))

    def forward(self, s):
        h, _ = self.rnn(self.tok(s))
        return F.linear(h, self.tok.weight, self.bias)


model = TinyLM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    (s,) = batch
    return F.cross_entropy(model(s[:, :-1]).flatten(0, 1), s[:, 1:].flatten())


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val nll", round(sum(batch_loss(model, b).item() for b in val_loader) / len(val_loader), 3))


if __name__ == "__main__":
    train()

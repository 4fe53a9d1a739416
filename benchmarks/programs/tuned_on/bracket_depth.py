"""Where do the opening brackets of a string crowd: left half, right half, even?

code: ND303
also: ND206
object: pos | position | positions | pos.weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(40)
L = 12


def strings(n):
    """0 = '(', 1 = ')', 2 = letter; the answer compares the two halves."""
    ids = torch.randint(0, 3, (n, L), generator=g)
    first_half = (ids[:, :6] == 0).sum(1)
    second_half = (ids[:, 6:] == 0).sum(1)
    return TensorDataset(ids, (first_half > second_half).long() + (first_half < second_half).long() * 2)


class Embeddings(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.tok = nn.Embedding(3, d)
        self.pos = nn.Embedding(L, d)
        self.norm = nn.LayerNorm(d)

    def forward(self, ids):
        positions = torch.zeros_like(ids)  # fault
        # fixed: positions = torch.arange(ids.shape[1]).expand_as(ids)
        return self.norm(self.tok(ids) + self.pos(positions))  # here


class DepthNet(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.embed = Embeddings(d)
        layer = nn.TransformerEncoderLayer(d, 2, 48, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1)
        self.head = nn.Linear(d, 3)

    def forward(self, ids):
        return self.head(self.body(self.embed(ids)).mean(1))


torch.manual_seed(40)
train_loader = DataLoader(strings(800), batch_size=50, shuffle=True)
val_loader = DataLoader(strings(150), batch_size=150)
model = DepthNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(8):
        model.train()
        acc = 0.0
        for ids, y in train_loader:
            loss = loss_fn(model(ids), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            acc += loss.item()
        model.eval()
        with torch.no_grad():
            for ids, y in val_loader:
                (model(ids).argmax(1) == y).float().mean()
    return acc / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Reads toy sentences ("dog ... bites ... man") and says which of the two names stands first.

code: ND303
also:
object: pos | positions | zeros_like
seen: checkup
"""
import torch
import torch.nn as nn

torch.manual_seed(21)
VOCAB, LENGTH = 20, 10   # 0, 1 are the two names, the rest is filler


def sentences(n):
    ids = torch.randint(2, VOCAB, (n, LENGTH))
    places = torch.stack([torch.randperm(LENGTH)[:2].sort().values for _ in range(n)])
    label = torch.randint(0, 2, (n,))
    rows = torch.arange(n)
    ids[rows, places[:, 0]] = label
    ids[rows, places[:, 1]] = 1 - label
    return ids, label


class Reader(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, d)
        self.pos = nn.Embedding(LENGTH, d)  # here
        layer = nn.TransformerEncoderLayer(d, nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.classify = nn.Linear(d, 2)

    def forward(self, ids):
        positions = torch.zeros_like(ids)  # fault
        # fixed: positions = torch.arange(ids.shape[1]).expand_as(ids)
        h = self.tok(ids) + self.pos(positions)  # here
        return self.classify(self.encoder(h).mean(dim=1))


ids, label = sentences(1500)
make = lambda a, b, **kw: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(ids[a:b], label[a:b]), batch_size=50, **kw)
train_loader, val_loader = make(0, 1250, shuffle=True), make(1250, 1500)
model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def accuracy(loader):
    model.eval()
    good = n = 0
    with torch.no_grad():
        for x, y in loader:
            good += int((model(x).argmax(-1) == y).sum()); n += len(y)
    model.train()
    return good / n


def train():
    model.train()
    losses = []
    for epoch in range(6):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, losses[-1], accuracy(val_loader))
    return sum(losses[-25:]) / 25


if __name__ == "__main__":
    print(train())

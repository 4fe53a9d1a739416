"""Does the first marker come before the second? A small transformer on token strings.

code: ND202
also: ND307
object: pos | randn | PositionalTable
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
VOCAB, LENGTH, WIDTH = 14, 16, 32


def strings(n):
    text = torch.randint(2, VOCAB, (n, LENGTH))
    places = torch.rand(n, LENGTH).argsort(1)[:, :2]
    rows = torch.arange(n)
    text[rows, places[:, 0]] = 0
    text[rows, places[:, 1]] = 1
    return TensorDataset(text, (places[:, 0] < places[:, 1]).long())


train_loader = DataLoader(strings(1024), batch_size=64, shuffle=True)
val_loader = DataLoader(strings(400), batch_size=200)


class PositionalTable(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.pos = nn.Parameter(torch.randn(length, width) * 60)  # fault
        # fixed: self.pos = nn.Parameter(torch.randn(length, width) * 0.5)

    def forward(self, h):
        return h + self.pos


class Order(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, WIDTH)
        self.where = PositionalTable(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, text):
        return self.head(self.encoder(self.where(self.tokens(text))).mean(1))


model = Order()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def accuracy():
    model.eval()
    with torch.no_grad():
        return sum((model(t).argmax(1) == y).sum().item() for t, y in val_loader) / len(val_loader.dataset)


def train():
    for epoch in range(12):
        model.train()
        for t, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(t), y)
            loss.backward()
            optimizer.step()
    print("val accuracy", accuracy())


if __name__ == "__main__":
    train()

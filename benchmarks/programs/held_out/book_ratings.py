"""Matrix factorisation of book ratings between one and five stars.

code: none
trait: bounded output (sigmoid stretched to 1..5) for a regression; targets are not standardised but the head starts in their middle
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(390)
READERS, BOOKS = 60, 50


def ratings():
    g = torch.Generator().manual_seed(4)
    r, b = torch.randn(READERS, 3, generator=g), torch.randn(BOOKS, 3, generator=g)
    stars = (3 + 0.9 * (r @ b.T) + 0.2 * torch.randn(READERS, BOOKS, generator=g)).clamp(1, 5)
    cells = torch.randperm(READERS * BOOKS, generator=g)
    return cells // BOOKS, cells % BOOKS, stars.flatten()[cells]


class Ratings(Dataset):
    def __init__(self, rows):
        self.reader, self.book, self.stars = rows

    def __len__(self):
        return len(self.stars)

    def __getitem__(self, i):
        return {"reader": self.reader[i], "book": self.book[i], "stars": self.stars[i]}


class Factorisation(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.reader, self.book = nn.Embedding(READERS, dim), nn.Embedding(BOOKS, dim)
        self.reader_bias, self.book_bias = nn.Embedding(READERS, 1), nn.Embedding(BOOKS, 1)
        for e in (self.reader, self.book):
            nn.init.normal_(e.weight, std=0.3)
        for e in (self.reader_bias, self.book_bias):
            nn.init.zeros_(e.weight)

    def forward(self, reader, book):
        raw = (self.reader(reader) * self.book(book)).sum(1) + self.reader_bias(reader).squeeze(1) + self.book_bias(book).squeeze(1)
        return 1 + 4 * torch.sigmoid(raw)


reader, book, stars = ratings()
train_loader = DataLoader(Ratings((reader[:2500], book[:2500], stars[:2500])), batch_size=100, shuffle=True)
val_loader = DataLoader(Ratings((reader[2500:], book[2500:], stars[2500:])), batch_size=250)
model = Factorisation()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-5)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["reader"], batch["book"]), batch["stars"])


def train():
    from types import SimpleNamespace
    setup = SimpleNamespace(model=model)
    for epoch in range(12):
        model.train()
        values = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
        if epoch % 3 == 2:
            print(epoch + 1, round(sum(values) / len(values), 4), round(val, 4))
    return sum(values) / len(values)


if __name__ == "__main__":
    print(train())

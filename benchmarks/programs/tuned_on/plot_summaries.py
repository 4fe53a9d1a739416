"""Genres of films from their plot summaries: a film may have several.

code: ND404
also:
object: loss_fn | CrossEntropyLoss | criterion
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1895)
GENRES = ["drama", "comedy", "thriller", "romance", "sci-fi", "horror", "crime", "western"]
VOCAB = 240
PRIOR = torch.tensor([0.5, 0.35, 0.3, 0.25, 0.2, 0.2, 0.25, 0.15])


def plot(n_words=40):
    genres = torch.rand(len(GENRES)) < PRIOR
    ids = torch.randint(80, VOCAB, (n_words,))
    present = genres.nonzero().flatten()
    if len(present):
        which = present[torch.randint(len(present), (n_words,))]
        themed = which * 10 + torch.randint(10, (n_words,))
        ids = torch.where(torch.rand(n_words) < 0.5, themed, ids)
    return ids, genres.float()


class Plots(Dataset):
    def __init__(self, n):
        self.data = [plot() for _ in range(n)]

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        ids, genres = self.data[index]
        return ids, genres  # here


class TextCNN(nn.Module):
    def __init__(self, emb=24, filters=24):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, emb)
        self.convs = nn.ModuleList([nn.Conv1d(emb, filters, k, padding=k // 2) for k in (1, 3, 5)])
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(3 * filters, len(GENRES))

    def forward(self, ids):
        e = self.embedding(ids).transpose(1, 2)
        pooled = [torch.relu(conv(e)).mean(-1) for conv in self.convs]
        return self.fc(self.dropout(torch.cat(pooled, 1)))


train_loader = DataLoader(Plots(800), batch_size=32, shuffle=True)
val_loader = DataLoader(Plots(200), batch_size=100)
model = TextCNN()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def f1_micro():
    model.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for ids, genres in val_loader:
            pred = torch.sigmoid(model(ids)) > 0.5
            true = genres.bool()
            tp += (pred & true).sum().item()
            fp += (pred & ~true).sum().item()
            fn += (~pred & true).sum().item()
    return 2 * tp / max(2 * tp + fp + fn, 1)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        losses = 0.0
        for ids, genres in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), genres)  # here
            loss.backward()
            optimizer.step()
            losses += loss.item()
        print(f"epoch {epoch + 1}  loss {losses / len(train_loader):.4f}  micro-F1 {f1_micro():.3f}")
    return losses / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Stars of a product review (ordinal score as regression) with attention over words.

code: ND306
also: ND702
object: dropout | attend | read | reader | Reader
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Reader(nn.Module):
    def __init__(self, d, p):
        super().__init__()
        self.key, self.p = nn.Linear(d, 1), p

    def forward(self, words):
        w = torch.softmax(self.key(words).squeeze(-1), -1)
        w = F.dropout(w, self.p)  # fault
        # fixed: w = F.dropout(w, self.p, self.training)
        return torch.einsum("bt,btd->bd", w, words)


class Stars(nn.Module):
    def __init__(self, vocab=50, d=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.reader = Reader(d, p=0.25)  # here
        self.fc = nn.Linear(d, 1)

    def forward(self, ids):
        return self.fc(self.reader(self.emb(ids)))[:, 0]


torch.manual_seed(51)
ids = torch.randint(0, 50, (900, 10))
tone = torch.randn(50)
stars = tone[ids].mean(1) * 10 ** 0.5 + 0.1 * torch.randn(900)
train_loader = DataLoader(TensorDataset(ids[:700], stars[:700]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(ids[700:], stars[700:]), batch_size=200)
model = Stars()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


@torch.no_grad()
def evaluate():
    model.eval()
    return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    for _ in range(10):
        model.train()
        out = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            out.append(loss.item())
        evaluate()
    return sum(out) / len(out)


if __name__ == "__main__":
    print(train(), evaluate(), evaluate())

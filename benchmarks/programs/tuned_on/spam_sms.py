"""Spam filter over short messages: mean of hashed word vectors.

code: ND103
also: ND402, ND404
object: label | target | y | Messages
seen: both
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(12)
HAM = "see you at home later mum said dinner is ready call me when the train leaves ok love are we still on for lunch".split()
SPAM = "win free prize claim now urgent cash txt stop offer mobile award guaranteed click link winner bonus reply".split()
VOCAB = {w: i + 1 for i, w in enumerate(sorted(set(HAM + SPAM)))}


def message(kind):
    n = random.randint(5, 12)
    strong, weak = (SPAM, HAM) if kind == "spam" else (HAM, SPAM)
    return " ".join(random.choice(strong) if random.random() < 0.7 else random.choice(weak) for _ in range(n))


def corpus(n):
    kinds = [random.choice(["ham", "spam"]) for _ in range(n)]
    return [(message(k), k) for k in kinds]


class Messages(Dataset):
    def __init__(self, pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        text, kind = self.pairs[i]
        ids = [VOCAB[w] for w in text.split()][:12]
        label = 1.0 if kind == "spam" else -1.0  # fault
        # fixed: label = 1.0 if kind == "spam" else 0.0
        return torch.tensor(ids + [0] * (12 - len(ids))), torch.tensor(label)  # here


class Filter(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.words = nn.Embedding(len(VOCAB) + 1, dim, padding_idx=0)
        self.mlp = nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, ids):
        real = (ids > 0).unsqueeze(-1).float()
        pooled = (self.words(ids) * real).sum(1) / real.sum(1)
        return self.mlp(pooled).squeeze(1)


torch.manual_seed(0)
train_loader = DataLoader(Messages(corpus(640)), batch_size=32, shuffle=True)
val_loader = DataLoader(Messages(corpus(160)), batch_size=32)
model = Filter()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum(((model(ids) > 0) == (y > 0.5)).sum().item() for ids, y in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

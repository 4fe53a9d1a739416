"""Makemore-like MLP: the next letter of a baby name from the three before it.

code: ND406
also: ND202
object: W2 | model.W2 | loss_fn
seen: checkup
"""
import random
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

random.seed(42)
g = torch.Generator().manual_seed(2147483647)

starts = ["ka", "mi", "el", "jo", "an", "ro", "sa", "be", "le", "ti"]
mids = ["la", "ri", "no", "be", "li", "", "da", "ne"]
ends = ["na", "ra", "el", "a", "ja", "s", "th", "ya", "n"]
names = sorted({random.choice(starts) + random.choice(mids) + random.choice(ends) for _ in range(900)})
random.shuffle(names)
itos = ["."] + sorted(set("".join(names)))
stoi = {s: i for i, s in enumerate(itos)}
vocab_size = len(itos)
block_size, n_embd, n_hidden = 3, 10, 100


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            X.append(context)
            Y.append(stoi[ch])
            context = context[1:] + [stoi[ch]]
    return TensorDataset(torch.tensor(X), torch.tensor(Y))


n1 = int(0.85 * len(names))
train_loader = DataLoader(build_dataset(names[:n1]), batch_size=32, shuffle=True)
val_loader = DataLoader(build_dataset(names[n1:]), batch_size=256)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        fan_in = n_embd * block_size
        self.C = nn.Parameter(torch.randn((vocab_size, n_embd), generator=g))
        self.W1 = nn.Parameter(torch.randn((fan_in, n_hidden), generator=g) * (5 / 3) / fan_in ** 0.5)
        self.b1 = nn.Parameter(torch.randn(n_hidden, generator=g) * 0.01)
        self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g) * 0.01)
        self.b2 = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x):
        emb = self.C[x].view(x.shape[0], -1)
        h = torch.tanh(emb @ self.W1 + self.b1)
        return h @ self.W2 + self.b2  # here


model = MLP()
loss_fn = F.cross_entropy
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


@torch.no_grad()
def split_loss(loader):
    total = n = 0
    for x, y in loader:
        total += F.cross_entropy(model(x), y, reduction="sum").item()
        n += len(y)
    return total / n


def train():
    lossi = []
    for epoch in range(5):
        for Xb, Yb in train_loader:
            loss = loss_fn(model(Xb), Yb)  # here
            for p in model.parameters():
                p.grad = None
            loss.backward()
            optimizer.step()
            lossi.append(loss.item())
        print(epoch, "first", round(lossi[0], 3), "last", round(lossi[-1], 3), "dev", round(split_loss(val_loader), 3))
    return sum(lossi[-50:]) / 50


if __name__ == "__main__":
    print(train())

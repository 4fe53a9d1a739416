"""Next letter of a surname from the three letters before it (an MLP after Bengio et al. 2003).

code: ND406
also: ND202
object: W2 | b2 | model | SurnameMLP
seen: checkup
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

random.seed(42)
g = torch.Generator().manual_seed(2147483647)
torch.manual_seed(2147483647)

starts = ["mac", "o", "van", "de", "sch", "ber", "kow", "lin", "har", "pet"]
middles = ["al", "en", "is", "or", "um", "er", "an"]
ends = ["son", "ski", "sen", "mann", "ez", "ov", "ini", "ley"]
words = ["".join((random.choice(starts), random.choice(middles), random.choice(ends))) for _ in range(500)]
words = sorted(set(words))
random.shuffle(words)

chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
vocab_size, block_size = len(stoi), 3


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]
    return TensorDataset(torch.tensor(X), torch.tensor(Y))


n1 = int(0.85 * len(words))
train_loader = DataLoader(build_dataset(words[:n1]), batch_size=32, shuffle=True)
val_loader = DataLoader(build_dataset(words[n1:]), batch_size=256)


class SurnameMLP(nn.Module):
    def __init__(self, n_embd=10, n_hidden=100):
        super().__init__()
        fan_in = n_embd * block_size
        self.C = nn.Parameter(torch.randn((vocab_size, n_embd), generator=g))
        self.W1 = nn.Parameter(torch.randn((fan_in, n_hidden), generator=g) * (5 / 3) / fan_in ** 0.5)
        self.b1 = nn.Parameter(torch.zeros(n_hidden))
        self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g) * 0.01)
        self.b2 = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, X):
        emb = self.C[X]
        h = torch.tanh(emb.view(emb.shape[0], -1) @ self.W1 + self.b1)
        return h @ self.W2 + self.b2  # here


model = SurnameMLP()  # here
loss_fn = F.cross_entropy
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


@torch.no_grad()
def split_loss(loader):
    return sum(loss_fn(model(X), Y).item() * len(X) for X, Y in loader) / len(loader.dataset)


def train(epochs=5):
    lossi = []
    for epoch in range(epochs):
        for Xb, Yb in train_loader:
            loss = loss_fn(model(Xb), Yb)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            lossi.append(loss.item())
        print(f"{epoch}: first {lossi[0]:.3f} now {sum(lossi[-40:]) / 40:.3f} val {split_loss(val_loader):.3f}")
    return sum(lossi[-40:]) / 40


if __name__ == "__main__":
    print(train())

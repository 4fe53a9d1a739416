"""makemore, part 3: an MLP over the last three characters writes village names.

code: ND406
also: ND202
object: W2 | b2 | logits | lm | model
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(2147483647)
torch.manual_seed(2147483647)

first = ["ash", "oak", "elm", "wick", "nor", "sut", "wes", "brad", "hart", "king", "stan", "mill", "cold", "thorn"]
mid = ["", "er", "ing", "le", "en"]
last = ["ton", "ham", "ford", "bury", "ley", "field", "worth", "by", "dale"]
words = [a + b + c for a in first for b in mid for c in last]
words = [words[i] for i in torch.randperm(len(words), generator=g)]

itos = ["."] + sorted(set("".join(words)))
stoi = {s: i for i, s in enumerate(itos)}
vocab_size, block_size = len(itos), 3


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            X.append(context)
            Y.append(stoi[ch])
            context = context[1:] + [stoi[ch]]
    return TensorDataset(torch.tensor(X), torch.tensor(Y))


n1 = int(0.85 * len(words))
train_loader = DataLoader(build_dataset(words[:n1]), batch_size=64, shuffle=True)
val_loader = DataLoader(build_dataset(words[n1:]), batch_size=256)


class MLP(nn.Module):
    def __init__(self, n_embd=10, n_hidden=200):
        super().__init__()
        self.C = nn.Parameter(torch.randn((vocab_size, n_embd), generator=g))
        fan_in = n_embd * block_size
        self.W1 = nn.Parameter(torch.randn((fan_in, n_hidden), generator=g) * (5 / 3) / fan_in**0.5)
        self.b1 = nn.Parameter(torch.randn(n_hidden, generator=g) * 0.01)
        self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g) * 0.1)
        self.b2 = nn.Parameter(torch.randn(vocab_size, generator=g))  # fault
        # fixed: self.b2 = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, ix):
        emb = self.C[ix].flatten(1)
        h = torch.tanh(emb @ self.W1 + self.b1)
        return h @ self.W2 + self.b2  # here


model = MLP()  # here
loss_fn = F.cross_entropy
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train(steps=200):
    lossi, it = [], 0
    while it < steps:
        for Xb, Yb in train_loader:
            loss = loss_fn(model(Xb), Yb)
            for p in model.parameters():
                p.grad = None
            loss.backward()
            optimizer.step()
            lossi.append(loss.item())
            it += 1
            if it == steps:
                break
    with torch.no_grad():
        dev = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return sum(lossi[-50:]) / 50


if __name__ == "__main__":
    print(train())

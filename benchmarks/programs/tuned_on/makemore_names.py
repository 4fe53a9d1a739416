"""Next-letter MLP over first names, following the well-known lecture.

code: ND202
also: ND406, ND307
object: C | W1 | W2 | b2
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

heads = ["an", "el", "ma", "jo", "li", "ka", "ro", "sa", "be", "no", "ti", "vi"]
mids = ["na", "li", "ri", "mi", "se", "la", "do", ""]
tails = ["a", "n", "el", "ah", "er", "ia", "us", "ie"]
words = [random.choice(heads) + random.choice(mids) + random.choice(tails) for _ in range(600)]
chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
vocab_size, block_size, n_embd, n_hidden = len(stoi), 3, 10, 100


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            X.append(context)
            Y.append(stoi[ch])
            context = context[1:] + [stoi[ch]]
    return torch.tensor(X), torch.tensor(Y)


words = sorted(set(words))
train_loader = DataLoader(TensorDataset(*build_dataset(words)), batch_size=32, shuffle=True)


class Makemore(nn.Module):
    def __init__(self):
        super().__init__()
        self.C = nn.Parameter(torch.randn((vocab_size, n_embd), generator=g))
        self.W1 = nn.Parameter(torch.randn((n_embd * block_size, n_hidden), generator=g))  # fault
        # fixed: self.W1 = nn.Parameter(torch.randn((n_embd * block_size, n_hidden), generator=g) * (5 / 3) / (n_embd * block_size) ** 0.5)
        self.b1 = nn.Parameter(torch.randn(n_hidden, generator=g))  # fault
        # fixed: self.b1 = nn.Parameter(torch.randn(n_hidden, generator=g) * 0.01)
        self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn((n_hidden, vocab_size), generator=g) * 0.01)
        self.b2 = nn.Parameter(torch.randn(vocab_size, generator=g))  # fault
        # fixed: self.b2 = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, ix):
        emb = self.C[ix]
        h = torch.tanh(emb.view(emb.shape[0], -1) @ self.W1 + self.b1)  # here
        return h @ self.W2 + self.b2  # here


model = Makemore()
loss_fn = F.cross_entropy
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train():
    lossi = []
    for epoch in range(6):
        for Xb, Yb in train_loader:
            logits = model(Xb)
            loss = loss_fn(logits, Yb)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            lossi.append(loss.item())
        print(epoch, sum(lossi[-40:]) / 40)
    return sum(lossi[-40:]) / 40


if __name__ == "__main__":
    print(train())

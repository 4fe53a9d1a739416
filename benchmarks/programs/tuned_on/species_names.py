"""makemore with Latin binomials: a character MLP that invents genus names.

code: ND406
also: ND202
object: model.W2 | W2 | NameMLP | logits
seen: both
"""
import random
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ONSET = "qu br ph l r t c s m n v th p gr d".split()
VOWEL = "a e i o u ae".split()
ENDING = "us um is ia ella ensis oides".split()
rnd = random.Random(2147483647)
names = sorted({"".join(rnd.choice(ONSET) + rnd.choice(VOWEL) for _ in range(rnd.randint(1, 3))) + rnd.choice("lrnt") + rnd.choice(ENDING)
                for _ in range(500)})
rnd.shuffle(names)
chars = ["."] + sorted(set("".join(names)))
stoi = {c: i for i, c in enumerate(chars)}
block_size = 3


def build(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            X.append(context)
            Y.append(stoi[ch])
            context = context[1:] + [stoi[ch]]
    return TensorDataset(torch.tensor(X), torch.tensor(Y))


train_loader = DataLoader(build(names), batch_size=64, shuffle=True, drop_last=True)


class NameMLP(nn.Module):
    def __init__(self, vocab, n_embd=10, n_hidden=100):
        super().__init__()
        g = torch.Generator().manual_seed(2147483647)
        fan_in = n_embd * block_size
        self.C = nn.Parameter(torch.randn(vocab, n_embd, generator=g))
        self.W1 = nn.Parameter(torch.randn(fan_in, n_hidden, generator=g) * (5 / 3) / fan_in ** 0.5)
        self.b1 = nn.Parameter(torch.randn(n_hidden, generator=g) * 0.01)
        self.W2 = nn.Parameter(torch.randn(n_hidden, vocab, generator=g))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn(n_hidden, vocab, generator=g) * 0.01)
        self.b2 = nn.Parameter(torch.zeros(vocab))

    def forward(self, x):
        emb = self.C[x].flatten(1)
        h = torch.tanh(emb @ self.W1 + self.b1)
        return h @ self.W2 + self.b2  # here


torch.manual_seed(0)
model = NameMLP(len(chars))
loss_fn = F.cross_entropy
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


@torch.no_grad()
def sample(max_length=20):
    context, out = [0] * block_size, ""
    while len(out) < max_length:
        p = model(torch.tensor([context])).softmax(1)
        ix = torch.multinomial(p, 1).item()
        if ix == 0:
            break
        out += chars[ix]
        context = context[1:] + [ix]
    return out


def train(epochs=6):
    for epoch in range(epochs):
        lossi = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            lossi.append(loss.item())
        print(f"{epoch} first {lossi[0]:.3f} mean {sum(lossi) / len(lossi):.3f}", *[sample() for _ in range(3)])
    return sum(lossi) / len(lossi)


if __name__ == "__main__":
    print(train())

"""Makes up elvish names, character by character, MLP after Bengio et al. 2003 (following the makemore lectures).

code: ND202
also: ND406
object: W1 | W2 | NameMLP
seen: checkup
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

random.seed(42)
torch.manual_seed(2147483647)

# names from a little grammar
ONSET = ["l", "gal", "th", "el", "f", "r", "m", "n", "c", "ar", "d"]
VOWEL = ["a", "e", "i", "o", "ae", "ie"]
CODA = ["n", "r", "l", "th", "s", "nd", ""]
END = ["iel", "as", "dor", "wen", "ion", "il"]
words = ["".join([random.choice(ONSET), random.choice(VOWEL), random.choice(CODA), random.choice(END)]) for _ in range(600)]
words = sorted(set(words))
random.shuffle(words)

stoi = {ch: i + 1 for i, ch in enumerate(sorted(set("".join(words))))}
stoi["."] = 0
vocab_size = len(stoi)
block_size = 3


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
train_loader = DataLoader(build_dataset(words[:n1]), batch_size=64, shuffle=True)
val_loader = DataLoader(build_dataset(words[n1:]), batch_size=256)


class NameMLP(nn.Module):
    def __init__(self, n_embd=10, n_hidden=100):
        super().__init__()
        fan_in = n_embd * block_size
        self.C = nn.Parameter(torch.randn(vocab_size, n_embd))
        self.W1 = nn.Parameter(torch.randn(fan_in, n_hidden))  # fault
        # fixed: self.W1 = nn.Parameter(torch.randn(fan_in, n_hidden) * (5 / 3) / fan_in ** 0.5)
        self.b1 = nn.Parameter(torch.zeros(n_hidden))
        self.W2 = nn.Parameter(torch.randn(n_hidden, vocab_size))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn(n_hidden, vocab_size) * 0.3 / n_hidden ** 0.5)
        self.b2 = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, ix):
        emb = self.C[ix]
        h = torch.tanh(emb.view(len(ix), -1) @ self.W1 + self.b1)  # here
        return h @ self.W2 + self.b2  # here


model = NameMLP()  # here
loss_fn = F.cross_entropy
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


@torch.no_grad()
def split_loss():
    model.eval()
    total, n = 0.0, 0
    for X, Y in val_loader:
        total += F.cross_entropy(model(X), Y, reduction="sum").item()
        n += len(Y)
    return total / n


def train(epochs=10):
    lossi = []
    for _ in range(epochs):
        model.train()
        for X, Y in train_loader:
            loss = F.cross_entropy(model(X), Y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            lossi.append(loss.item())
    print(f"first {lossi[0]:.3f}  last {sum(lossi[-40:]) / 40:.3f}  val {split_loss():.3f}")
    return sum(lossi[-40:]) / 40


if __name__ == "__main__":
    print(train())

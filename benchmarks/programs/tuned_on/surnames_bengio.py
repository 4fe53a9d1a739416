"""Next character of surnames with Bengio's window model (three letters of context).

code: ND406
also: ND202
object: W2 | b2 | C | model
seen: checkup
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

random.seed(42)
g = torch.Generator().manual_seed(2147483647)

START = ["ber", "kal", "mor", "san", "har", "vil", "tor", "lin", "gra", "peter", "ander", "ivan", "kow", "fer", "del"]
MID = ["", "", "o", "e", "in", "as", "er", "and"]
END = ["son", "sen", "ski", "ova", "ez", "mann", "berg", "ton", "ini", "ros", "vic", "da"]
names = sorted({random.choice(START) + random.choice(MID) + random.choice(END) for _ in range(1200)})
random.shuffle(names)

chars = ["."] + sorted(set("".join(names)))
stoi = {c: i for i, c in enumerate(chars)}
BLOCK, N_EMBD, N_HIDDEN, V = 3, 10, 100, len(chars)


def build(words):
    xs, ys = [], []
    for w in words:
        ctx = [0] * BLOCK
        for c in w + ".":
            xs.append(ctx)
            ys.append(stoi[c])
            ctx = ctx[1:] + [stoi[c]]
    return TensorDataset(torch.tensor(xs), torch.tensor(ys))


n = int(0.85 * len(names))
train_loader = DataLoader(build(names[:n]), batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(1))
val_loader = DataLoader(build(names[n:]), batch_size=512)


class Bengio(nn.Module):
    def __init__(self):
        super().__init__()
        self.C = nn.Parameter(torch.randn((V, N_EMBD), generator=g))
        self.W1 = nn.Parameter(torch.randn((N_EMBD * BLOCK, N_HIDDEN), generator=g) * (5 / 3) / (N_EMBD * BLOCK) ** 0.5)
        self.b1 = nn.Parameter(torch.zeros(N_HIDDEN))
        self.W2 = nn.Parameter(torch.randn((N_HIDDEN, V), generator=g))  # fault
        # fixed: self.W2 = nn.Parameter(torch.randn((N_HIDDEN, V), generator=g) * 0.03)
        self.b2 = nn.Parameter(torch.randn(V, generator=g))  # fault
        # fixed: self.b2 = nn.Parameter(torch.zeros(V))

    def forward(self, x):
        emb = self.C[x].view(x.shape[0], -1)
        h = torch.tanh(emb @ self.W1 + self.b1)
        return h @ self.W2 + self.b2  # here


model = Bengio()  # here
loss_fn = F.cross_entropy
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


@torch.no_grad()
def split_loss(loader):
    tot = cnt = 0
    for x, y in loader:
        tot += F.cross_entropy(model(x), y, reduction="sum").item()
        cnt += len(y)
    return tot / cnt


def train():
    lossi = []
    for epoch in range(5):
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            lossi.append(loss.item())
            if len(lossi) % 50 == 1:
                print(f"{len(lossi) - 1:6d}: {loss.item():.4f}")
        print(f"epoch {epoch} dev {split_loss(val_loader):.4f}")
    return sum(lossi[-40:]) / 40


if __name__ == "__main__":
    print(train())

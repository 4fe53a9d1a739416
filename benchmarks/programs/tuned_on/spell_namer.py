"""Invents spell names for a game, letter by letter; early stopping keeps the best letters model.

code: ND707
also:
object: best | state_dict | best_state | load_state_dict | keep
seen: watch
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F

random.seed(0)
torch.manual_seed(0)
HEADS, MIDS, TAILS = "ar ig vol lum nox cry fer zan mir".split(), "a i o en ul".split(), "dium tis ora nia x rus".split()
NAMES = sorted({h + m + t for h in HEADS for m in MIDS for t in TAILS})
random.shuffle(NAMES)
ABC = "_" + "".join(sorted(set("".join(NAMES)))) + "."  # _ pads, . ends
at = {c: i for i, c in enumerate(ABC)}
WIDE = max(map(len, NAMES)) + 2


def encode(name):
    row = [at["."]] + [at[c] for c in name] + [at["."]]
    return torch.tensor(row + [0] * (WIDE - len(row)))


class Letters(nn.Module):
    def __init__(self, d=16, h=48):
        super().__init__()
        self.e = nn.Embedding(len(ABC), d, padding_idx=0)
        self.r = nn.GRU(d, h, batch_first=True)
        self.o = nn.Linear(h, len(ABC))

    def forward(self, x):
        return self.o(self.r(self.e(x))[0])


train_loader = torch.utils.data.DataLoader([encode(n) for n in NAMES[:80]], batch_size=16, shuffle=True)
val_loader = torch.utils.data.DataLoader([encode(n) for n in NAMES[80:]], batch_size=95)
model = Letters()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def nll(net, rows):
    return F.cross_entropy(net(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten(), ignore_index=0)


def batch_loss(setup, rows):
    return nll(setup.model, rows)


def keep(net):
    return net.state_dict()  # fault
    # fixed: return {name: value.clone() for name, value in net.state_dict().items()}


def train(patience=12):
    best, best_loss, waited = None, float("inf"), 0
    for epoch in range(40):
        model.train()
        total = 0.0
        for rows in train_loader:
            optimizer.zero_grad()
            loss = nll(model, rows)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(nll(model, rows).item() for rows in val_loader) / len(val_loader)
        if val < best_loss:
            best, best_loss, waited = keep(model), val, 0  # here
        else:
            waited += 1
            if waited > patience:
                break
    model.load_state_dict(best)  # here
    with torch.no_grad():
        again = sum(nll(model, rows).item() for rows in val_loader) / len(val_loader)
    print(f"best {best_loss:.4f}, of the kept weights {again:.4f}, {epoch + 1} epochs")
    return total / len(train_loader)


if __name__ == "__main__":
    train()

"""From which of four made-up languages is this name? An Elman network written by hand.

code: ND202
also: ND307, ND406, ND503
object: W_xh | W_hh | W_hy | rnn | ElmanRNN
seen: both
"""
import random
import string

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

random.seed(5)
torch.manual_seed(5)

SYLL = {
    0: ["ka", "ta", "shi", "no", "mi", "ra"],
    1: ["ov", "ski", "mir", "dra", "vla", "na"],
    2: ["el", "la", "ro", "cci", "gio", "ni"],
    3: ["son", "er", "brun", "gar", "ulf", "ta"],
}
letters = "." + string.ascii_lowercase


def name(lang):
    return "".join(random.choice(SYLL[lang]) for _ in range(random.randint(2, 4)))


pool = sorted({(name(l), l) for l in range(4) for _ in range(250)})
names = list(dict(pool).items())  # one language per name
random.shuffle(names)


def collate(batch):
    T = 14
    x = torch.zeros(len(batch), T, len(letters))
    for b, (n, _) in enumerate(batch):
        padded = n.rjust(T, ".")
        for t, ch in enumerate(padded[-T:]):
            x[b, t, letters.index(ch)] = 1.0
    return x, torch.tensor([l for _, l in batch])


class ElmanRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.n_hidden = n_hidden
        self.W_xh = nn.Parameter(torch.randn(n_in, n_hidden))  # fault
        # fixed: self.W_xh = nn.Parameter(torch.randn(n_in, n_hidden) * 0.3)
        self.W_hh = nn.Parameter(torch.randn(n_hidden, n_hidden))  # fault
        # fixed: self.W_hh = nn.Parameter(torch.randn(n_hidden, n_hidden) * 0.8 / n_hidden ** 0.5)
        self.b_h = nn.Parameter(torch.zeros(n_hidden))
        self.W_hy = nn.Parameter(torch.randn(n_hidden, n_out))  # fault
        # fixed: self.W_hy = nn.Parameter(torch.randn(n_hidden, n_out) / n_hidden ** 0.5)
        self.b_y = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        h = x.new_zeros(x.shape[0], self.n_hidden)
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ self.W_xh + h @ self.W_hh + self.b_h)  # here
        return h @ self.W_hy + self.b_y  # here


n_val = len(names) // 5
train_loader = DataLoader(names[n_val:], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(names[:n_val], batch_size=64, collate_fn=collate)
rnn = ElmanRNN(len(letters), 96, 4)
model = rnn
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(rnn.parameters(), lr=2e-3)


def train(epochs=4):
    for epoch in range(epochs):
        rnn.train()
        total, n = 0.0, 0
        for x, y in train_loader:
            loss = loss_fn(rnn(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(rnn.parameters(), 5.0)
            optimizer.step()
            total += loss.item() * len(y)
            n += len(y)
        rnn.eval()
        with torch.no_grad():
            ok = sum((rnn(x).argmax(-1) == y).sum().item() for x, y in val_loader)
    return total / n


if __name__ == "__main__":
    print(train())

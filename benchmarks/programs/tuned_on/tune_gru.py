"""Composes folk tunes: predicts the next note at every step.

code: ND302
also:
object: Tunes | train_loader | y | notes | Tunes.__getitem__
seen: both
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SCALE = [0, 2, 4, 5, 7, 9, 11, 12]


def write_tune(rnd, bars=6):
    notes, here = [], rnd.randrange(8)
    for _ in range(bars):
        motif = rnd.choice([(1, 1, -2), (-1, -1, 2), (2, -1, -1), (3, -2, -1)])
        for step in motif:
            notes.append(SCALE[here])
            here = (here + step) % 8
    return notes


class Tunes(Dataset):
    def __init__(self, n, seed, block=16):
        rnd = random.Random(seed)
        self.notes = [write_tune(rnd) for _ in range(n)]
        self.block = block

    def __len__(self):
        return len(self.notes)

    def __getitem__(self, i):
        notes = self.notes[i]
        x = torch.tensor(notes[:self.block])
        y = torch.tensor(notes[:self.block])  # fault
        # fixed: y = torch.tensor(notes[1:self.block + 1])
        return x, y  # here


class TuneRNN(nn.Module):
    def __init__(self, n_notes=13, d=24, h=48):
        super().__init__()
        self.emb = nn.Embedding(n_notes, d)
        self.gru = nn.GRU(d, h, num_layers=2, batch_first=True, dropout=0.1)
        self.fc = nn.Linear(h, n_notes)

    def forward(self, notes):
        return self.fc(self.gru(self.emb(notes))[0]).permute(0, 2, 1)


torch.manual_seed(0)
model = TuneRNN()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
train_loader = DataLoader(Tunes(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Tunes(64, 2), batch_size=64)


class Trainer:
    def __init__(self, net, opt, crit):
        self.net, self.opt, self.crit = net, opt, crit
        self.history = []

    def step(self, x, y):
        self.opt.zero_grad()
        loss = self.crit(self.net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.opt.step()
        return loss.item()

    def fit(self, epochs):
        for _ in range(epochs):
            self.net.train()
            self.history.append([self.step(x, y) for x, y in train_loader])
            self.net.eval()
            with torch.no_grad():
                for x, y in val_loader:
                    self.crit(self.net(x), y)
        return self.history


def train():
    last = Trainer(model, optimizer, loss_fn).fit(6)[-1]
    return sum(last) / len(last)


if __name__ == "__main__":
    print(train())

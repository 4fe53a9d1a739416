"""Next-note model on piano melodies; note 0 is the rest, and short melodies are filled up with rests.

code: none
trait: the pad value is a real class (the rest) and there is no ignore_index, but the loss is weighted by a length mask; the mask's mean is taken over real notes
"""
import random

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

REST, NOTES = 0, 26
SCALE = [1, 3, 5, 6, 8, 10, 12]


def melody(r):
    step, out = r.randrange(7), []
    for beat in range(r.randint(14, 30)):
        if beat % 4 == 3 and r.random() < 0.7:
            out.append(REST)
        else:
            step = (step + r.choice([1, 1, 1, -2])) % 14
            out.append(SCALE[step % 7] + 12 * (step // 7))
    return torch.tensor(out)


def batch_of(melodies):
    lengths = torch.tensor([len(m) for m in melodies])
    notes = nn.utils.rnn.pad_sequence(melodies, batch_first=True, padding_value=REST)
    return {"notes": notes[:, :-1], "next": notes[:, 1:], "real": torch.arange(notes.shape[1] - 1) < (lengths - 1)[:, None]}


class MelodyGRU(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(NOTES, d)
        self.gru = nn.GRU(d, d, num_layers=2, batch_first=True)
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, NOTES, bias=False)
        self.out.weight = self.emb.weight
        nn.init.normal_(self.emb.weight, std=0.1)

    def forward(self, notes):
        return self.out(self.norm(self.gru(self.emb(notes))[0]))


def batch_loss(setup, batch):
    scores = setup.model(batch["notes"])
    each = F.cross_entropy(scores.transpose(1, 2), batch["next"], reduction="none")
    return each[batch["real"]].mean()


class Setup:
    def __init__(self, model):
        self.model = model


r = random.Random(3)
torch.manual_seed(0)
train_loader = DataLoader([melody(r) for _ in range(320)], batch_size=20, shuffle=True, collate_fn=batch_of)
val_loader = DataLoader([melody(r) for _ in range(80)], batch_size=40, collate_fn=batch_of)
model = MelodyGRU()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    setup = Setup(model)
    for epoch in range(5):
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() / len(train_loader)
        print(epoch, round(total, 3))
    return total


if __name__ == "__main__":
    print(train())

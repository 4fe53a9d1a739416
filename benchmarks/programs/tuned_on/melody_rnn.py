"""Predicts the next note of folk-like tunes and reports the running hit rate per epoch.

code: ND708
also:
object: meter | HitRate | hits | update | val_meter
seen: watch
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F

SCALE, BARS = 12, 20
rng = random.Random(27)


def tune():
    degree, step, out = rng.randrange(SCALE), rng.choice([1, 2, -1]), []
    for beat in range(BARS + 1):
        out.append(degree)
        if beat % 4 == 3 and rng.random() < 0.5:
            step = -step
        degree = (degree + (step if rng.random() < 0.9 else rng.choice([-3, 3]))) % SCALE
    return torch.tensor(out)


class HitRate:
    def __init__(self):
        self.hits = self.count = 0

    def update(self, logits, notes):
        self.hits += (logits.argmax(-1) == notes).sum().item()
        self.count += notes.numel()

    def value(self):
        return self.hits / self.count


class Melody(nn.Module):
    def __init__(self):
        super().__init__()
        self.note = nn.Embedding(SCALE, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.next = nn.Linear(32, SCALE)

    def forward(self, notes):
        return self.next(self.lstm(self.note(notes))[0])


torch.manual_seed(27)
tunes = [tune() for _ in range(400)]
train_loader = torch.utils.data.DataLoader([(t[:-1], t[1:]) for t in tunes[:320]], batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader([(t[:-1], t[1:]) for t in tunes[320:]], batch_size=40)
model = Melody()


def loss_fn(logits, notes):
    return F.cross_entropy(logits.transpose(1, 2), notes)


optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)


def train():
    val_meter = HitRate()  # here
    for epoch in range(15):
        model.train()
        total = 0.0
        for notes, following in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(notes), following)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            for notes, following in val_loader:  # fault
                # fixed:
                val_meter.update(model(notes), following)  # fault
                # fixed:
            rate = val_meter.value()  # fault
            # fixed: val_meter = HitRate()
            # fixed: for notes, following in val_loader:
            # fixed:     val_meter.update(model(notes), following)
            # fixed: rate = val_meter.value()
        print(f"epoch {epoch} loss {total / len(train_loader):.3f} val hit rate {rate:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    train()

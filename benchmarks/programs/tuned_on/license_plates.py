"""Reads the region of a license plate from its characters (GRU with an explicit start state).

code: ND312
also:
object: h0 | start | reader | gru
seen: both
"""
import string
import random
import torch
from torch import nn

random.seed(14)
torch.manual_seed(14)
ALPHABET = string.ascii_uppercase + string.digits
BATCH = 32


def plate():
    region = random.randrange(6)
    first = "ABCDEF"[region] if random.random() < 0.9 else random.choice("ABCDEF")
    middle = "".join(random.choice(string.digits) for _ in range(4))
    last = random.choice("GHJK" if region % 2 else "LMNP")
    return first + middle + last, region


def encode(text):
    return torch.tensor([ALPHABET.index(c) for c in text])


rows = [(encode(t), r) for t, r in (plate() for _ in range(532))]
train_loader = torch.utils.data.DataLoader(rows[:420], batch_size=BATCH, shuffle=True)  # here
val_loader = torch.utils.data.DataLoader(rows[420:], batch_size=BATCH)  # here


class PlateReader(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET), 16)
        self.reader = nn.GRU(16, hidden, batch_first=True)
        self.start = nn.Parameter(torch.zeros(hidden))
        self.region = nn.Linear(hidden, 6)

    def forward(self, ids):
        h0 = self.start.repeat(1, BATCH, 1)  # fault
        # fixed: h0 = self.start.repeat(1, ids.shape[0], 1)
        _, last = self.reader(self.letters(ids), h0)  # here
        return self.region(last[0])


model = PlateReader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        for ids, region in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), region)  # here
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            good = sum((model(i).argmax(1) == r).sum().item() for i, r in val_loader)
        print(f"epoch {epoch}: {loss.item():.3f}, {good}/112")
    return loss.item()


if __name__ == "__main__":
    print(train())

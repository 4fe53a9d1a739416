"""Happy or unhappy guests? Guest-book lines for an attention block, some pages left blank.

code: ND309
also: ND308
object: pad | key_padding_mask | attend | mask
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(29)
torch.manual_seed(29)
GOOD = "lovely warm clean kind tasty".split()
BAD = "cold dirty rude noisy stale".split()
PLAIN = "the room was and we had a breakfast bed".split()
VOCAB = {w: i + 1 for i, w in enumerate(GOOD + BAD + PLAIN)}


def page():
    happy = random.random() < 0.5
    if random.random() < 0.05:
        return "", int(happy)
    words = random.choices(PLAIN, k=random.randint(2, 8)) + random.sample(GOOD if happy else BAD, 2)
    random.shuffle(words)
    return " ".join(words), int(happy)


def collate(rows):
    ids = [[VOCAB[w] for w in text.split()] for text, _ in rows]
    longest = max(1, max(len(i) for i in ids))
    text = torch.tensor([i + [0] * (longest - len(i)) for i in ids])
    return text, torch.tensor([happy for _, happy in rows])


train_loader = DataLoader([page() for _ in range(600)], batch_size=40, shuffle=True, collate_fn=collate)
val_loader = DataLoader([page() for _ in range(200)], batch_size=50, collate_fn=collate)


class GuestBook(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.start = nn.Parameter(torch.randn(width) * 0.1)
        self.words = nn.Embedding(len(VOCAB) + 1, width, padding_idx=0)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, width))
        self.out = nn.Linear(width, 2)

    def forward(self, text):
        pad = text == 0  # fault
        # fixed: pad = (text == 0) & (text != 0).any(1, keepdim=True)
        h = self.words(text) + self.start
        h = self.norm(h + self.attend(h, h, h, key_padding_mask=pad)[0])  # here
        h = h + self.feed(h)
        keep = (~pad).unsqueeze(2).float()
        return self.out((h * keep).sum(1) / keep.sum(1).clamp(min=1))


model = GuestBook()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(6):
        model.train()
        for text, happy in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(text), happy)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        out = [(model(t), y) for t, y in val_loader]
    right = sum((o.argmax(1) == y).sum().item() for o, y in out)
    print("val accuracy", right / 200, "finite", all(o.isfinite().all().item() for o, _ in out))


if __name__ == "__main__":
    train()

"""Learns to write nursery-rhyme lines letter by letter.

code: ND113
also:
object: loss_fn | PAD | targets | cross_entropy
seen: both
"""
import random
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(24)
WHO = ["the cat", "a mouse", "old king cole", "the little lamb", "jack", "a very merry miller", "jill", "the spotted cow", "my aunt", "wee willie", "the queen of hearts", "a fox"]
DID = ["ran", "sat", "sang all day", "jumped", "went up the hill", "slept", "ate some pie", "danced"]
WHERE = ["", " in the sun", " by the silver river side", " at noon", " today"]
PAD, BOS, EOS = 0, 1, 2
CHARS = sorted(set("".join(WHO + DID + WHERE) + " "))
IDS = {c: i + 3 for i, c in enumerate(CHARS)}


BOOK = [f"{a} {b}{c}" for a in WHO for b in DID for c in WHERE]
random.shuffle(BOOK)


class Lines(Dataset):
    def __init__(self, lines):
        self.lines = lines

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, i):
        return torch.tensor([BOS] + [IDS[c] for c in self.lines[i]] + [EOS])


def collate(items):
    block = nn.utils.rnn.pad_sequence(items, batch_first=True, padding_value=PAD)
    return block[:, :-1], block[:, 1:]


class CharLM(nn.Module):
    def __init__(self, vocab, dim=24, hidden=64):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=PAD)
        self.rnn = nn.LSTM(dim, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, x):
        return self.out(self.rnn(self.emb(x))[0])


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())  # fault
    # fixed: return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD)


torch.manual_seed(0)
train_loader = DataLoader(Lines(BOOK[:400]), batch_size=20, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Lines(BOOK[400:]), batch_size=40, collate_fn=collate)
model = CharLM(len(IDS) + 3)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Tag words (thing, action, colour, small word) in short sentences of a toy language with a convolution over neighbours.

code: ND113
also:
object: loss_fn | ignore_index | CrossEntropyLoss | PAD | tags | batch_loss
seen: both
"""
import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

random.seed(23)
torch.manual_seed(23)
PAD, TAGS = 0, {"<pad>": 0, "thing": 1, "action": 2, "colour": 3, "small": 4}
# word numbers: 1-30 only things, 31-60 only actions, 61-75 either, 76-85 colours, 86-90 small words


def sentence():
    ids, tags = [], []
    # mostly short notes, now and then a whole paragraph
    for _ in range(1 if random.random() < 0.93 else 28):
        phrase = [(random.randint(86, 90), 4)]
        if random.random() < 0.5:
            phrase.append((random.randint(76, 85), 3))
        phrase.append((random.choice([random.randint(1, 30), random.randint(61, 75)]), 1))
        phrase.append((random.choice([random.randint(31, 60), random.randint(61, 75)]), 2))
        for word, tag in phrase:
            ids.append(word)
            tags.append(tag)
    return torch.tensor(ids), torch.tensor(tags)


def pad_batch(rows):
    ids = pad_sequence([r[0] for r in rows], batch_first=True, padding_value=PAD)
    tags = pad_sequence([r[1] for r in rows], batch_first=True, padding_value=PAD)
    return ids, tags


train_loader = DataLoader([sentence() for _ in range(480)], batch_size=32, shuffle=True, collate_fn=pad_batch)
val_loader = DataLoader([sentence() for _ in range(160)], batch_size=32, collate_fn=pad_batch)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(91, 24, padding_idx=PAD)
        self.conv = nn.Conv1d(24, 48, 3, padding=1)
        self.out = nn.Linear(48, len(TAGS))

    def forward(self, ids):
        return self.out(torch.relu(self.conv(self.embed(ids).transpose(1, 2)).transpose(1, 2)))


model = Tagger()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.CrossEntropyLoss(ignore_index=PAD)
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.8)


def batch_loss(setup, batch):
    ids, tags = batch
    return loss_fn(setup.model(ids).flatten(0, 1), tags.flatten())  # here


def train():
    for epoch in range(3):
        model.train()
        for ids, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids).flatten(0, 1), tags.flatten())
            loss.backward()
            optimizer.step()
    model.eval()
    right = words = 0
    with torch.no_grad():
        for ids, tags in val_loader:
            real = ids != PAD
            right += (model(ids).argmax(-1) == tags)[real].sum().item()
            words += real.sum().item()
    print(f"loss {loss.item():.3f}, accuracy on real words {right / words:.3f}")


if __name__ == "__main__":
    train()

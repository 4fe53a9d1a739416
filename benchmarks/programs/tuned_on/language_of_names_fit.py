"""Which language does a name come from? Letters in, language out, own batch sampler.

code: ND108
also:
object: LanguageBatches | batch_sampler | sampler | train_loader | __iter__ | shuffle
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

random.seed(131)
torch.manual_seed(131)
PARTS = {"north": ["bjo", "sven", "hal", "dag", "rik", "stad"], "south": ["gio", "ella", "ano", "ucci", "rosa", "mari"],
         "east": ["ski", "vlad", "imir", "czy", "ova", "pet"], "west": ["mac", "fer", "gus", "lock", "wil", "ton"]}
KINDS = list(PARTS)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Names(Dataset):
    def __init__(self, per_kind):
        self.rows = []
        for k, kind in enumerate(KINDS):
            for _ in range(per_kind):
                name = "".join(random.choices(PARTS[kind], k=2) + random.choices(LETTERS, k=3))[:12]
                ids = [1 + LETTERS.index(c) for c in name] + [0] * (12 - len(name))
                self.rows.append((torch.tensor(ids), k))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class LanguageBatches(Sampler):
    def __init__(self, data, size):
        self.data, self.size = data, size

    def __len__(self):
        return -(-len(self.data) // self.size)

    def __iter__(self):
        order = list(range(len(self.data)))
        order.sort(key=lambda i: (self.data[i][1], random.random()))  # fault
        # fixed: random.shuffle(order)
        for start in range(0, len(order), self.size):
            yield order[start:start + self.size]


names, more_names = Names(400), Names(50)
train_loader = DataLoader(names, batch_sampler=LanguageBatches(names, 20))
val_loader = DataLoader(more_names, batch_size=200)


class NameNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.letter = nn.Embedding(27, 12, padding_idx=0)
        self.conv = nn.Conv1d(12, 32, 3, padding=1)
        self.out = nn.Linear(32, 4)

    def forward(self, ids):
        h = torch.relu(self.conv(self.letter(ids).transpose(1, 2)))
        return self.out(h.amax(2))


model = NameNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for _ in range(4):
        model.train()
        for ids, kind in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), kind).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ids, kind = next(iter(val_loader))
        print("val accuracy", (model(ids).argmax(1) == kind).float().mean().item())


if __name__ == "__main__":
    train()

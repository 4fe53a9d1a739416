"""Puts wire articles into newspaper sections from hashed word counts.

code: ND103
also:
object: head | classifier | SECTIONS | targets | labels | class 2
seen: checkup
"""
from collections import Counter

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

SECTIONS = {"sport": 0, "politics": 1, "science": 3, "culture": 4}  # fault
# fixed: SECTIONS = {"sport": 0, "politics": 1, "science": 2, "culture": 3}
N_SECTIONS = max(SECTIONS.values()) + 1

TOPIC_WORDS = {s: [f"{s}{i}" for i in range(40)] for s in ["sport", "politics", "science", "culture"]}
COMMON = [f"word{i}" for i in range(120)]
VOCAB = {w: i for i, w in enumerate(COMMON + sum(TOPIC_WORDS.values(), []))}


def write_article(section, g):
    words = []
    for _ in range(50):
        pool = TOPIC_WORDS[section] if torch.rand((), generator=g) < 0.12 else COMMON
        words.append(pool[int(torch.randint(len(pool), (), generator=g))])
    return words


class Articles(Dataset):
    def __init__(self, n=600):
        g = torch.Generator().manual_seed(99)
        names = list(SECTIONS)
        self.items = []
        for i in range(n):
            section = names[int(torch.randint(4, (), generator=g))]
            self.items.append((write_article(section, g), section))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        words, section = self.items[i]
        bag = torch.zeros(len(VOCAB))
        for word, k in Counter(words).items():
            bag[VOCAB[word]] = k
        return bag.log1p(), SECTIONS[section]  # here


torch.manual_seed(1)
train_set, val_set = random_split(Articles(), [480, 120], torch.Generator().manual_seed(5))
train_loader = DataLoader(train_set, 32, shuffle=True)
val_loader = DataLoader(val_set, 60)


class SectionModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(len(VOCAB), 64), nn.ReLU(), nn.Dropout(0.2))
        self.classifier = nn.Linear(64, N_SECTIONS)  # here

    def forward(self, bag):
        return self.classifier(self.encoder(bag))


model = SectionModel()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for _ in range(4):
        model.train()
        total = 0
        for bags, sections in train_loader:
            loss = loss_fn(model(bags), sections)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.inference_mode():
            acc = sum((model(b).argmax(-1) == s).sum().item() for b, s in val_loader) / len(val_set)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

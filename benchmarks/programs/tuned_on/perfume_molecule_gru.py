"""Smell family of a molecule from its letter string: embedding, GRU, classifier.

code: ND601
also:
object: optimizer | classifier | embed | gru | parameters
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(77)
random.seed(77)
LETTERS = "CNOSc1=()"
GROUPS = ["C=O", "OC", "c1c", "NC"]  # the group decides the family


def molecule():
    family = random.randrange(len(GROUPS))
    while True:
        left = "".join(random.choices(LETTERS, k=random.randint(4, 10)))
        text = left + GROUPS[family]
        text += "".join(random.choices(LETTERS, k=16 - len(text)))
        if sum(group in text for group in GROUPS) == 1:
            return text, family


def encode(pairs):
    strings, families = zip(*pairs)
    return torch.tensor([[LETTERS.index(c) for c in s] for s in strings]), torch.tensor(families)


class SmellModel(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS), 16)
        self.gru = nn.GRU(16, size, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(2 * size, len(GROUPS))

    def forward(self, letters):
        states, _ = self.gru(self.embed(letters))
        return self.classifier(states.amax(1))


class Trainer:
    def __init__(self, model, epochs):
        self.model, self.epochs = model, epochs
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(model.classifier.parameters(), lr=5e-3)  # fault
        # fixed: self.optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    def fit(self, loader):
        for _ in range(self.epochs):
            self.model.train()
            for letters, family in loader:
                self.optimizer.zero_grad()
                self.loss_fn(self.model(letters), family).backward()
                self.optimizer.step()

    @torch.no_grad()
    def score(self, loader):
        self.model.eval()
        hits = [(self.model(a).argmax(1) == b).float().sum() for a, b in loader]
        return (sum(hits) / len(loader.dataset)).item()


train_loader = DataLoader([molecule() for _ in range(1000)], batch_size=50, shuffle=True, collate_fn=encode)
val_loader = DataLoader([molecule() for _ in range(250)], batch_size=125, collate_fn=encode)
model = SmellModel()
trainer = Trainer(model, epochs=6)
loss_fn, optimizer = trainer.loss_fn, trainer.optimizer


def train():
    trainer.fit(train_loader)
    print("validation accuracy", trainer.score(val_loader))


if __name__ == "__main__":
    train()

"""Guess a recipe's cuisine from its list of ingredients (a bag of embeddings).

code: ND601
also:
object: encoder | optimizer | embed | mix
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(31)
torch.manual_seed(31)
CUISINES = 12
PANTRY = 400
# every cuisine prefers its own 40 ingredients, among everything else
LIKES = [random.sample(range(PANTRY), 40) for _ in range(CUISINES)]


def recipe():
    cuisine = random.randrange(CUISINES)
    own = random.choices(LIKES[cuisine], k=5)
    other = random.choices(range(PANTRY), k=5)
    return own + other, cuisine


def collate(rows):
    return torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])


class Encoder(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.embed = nn.Embedding(PANTRY, dim)
        self.mix = nn.Linear(dim, dim)

    def forward(self, ingredients):
        return torch.relu(self.mix(self.embed(ingredients).mean(1)))


class Cuisine(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.classifier = nn.Linear(16, CUISINES)

    def forward(self, ingredients):
        return self.classifier(self.encoder(ingredients))


train_loader = DataLoader([recipe() for _ in range(5000)], batch_size=50, shuffle=True, collate_fn=collate)
val_loader = DataLoader([recipe() for _ in range(400)], batch_size=100, collate_fn=collate)
model = Cuisine()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.classifier.parameters(), lr=1e-2)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def run_epoch():
    model.train()
    for ingredients, cuisine in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(ingredients), cuisine)
        loss.backward()
        optimizer.step()  # here


def train():
    for _ in range(3):
        run_epoch()
    model.eval()
    with torch.no_grad():
        hit = sum((model(i).argmax(1) == c).sum().item() for i, c in val_loader)
    print("accuracy", hit / 400)


if __name__ == "__main__":
    train()

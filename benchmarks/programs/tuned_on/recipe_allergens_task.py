"""Which allergens are in a recipe? Several of five may be present at once.

code: ND404
also:
object: loss_fn | CrossEntropyLoss
seen: both
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

random.seed(66)
torch.manual_seed(66)
SOURCES = [["flour", "couscous", "rye"], ["milk", "butter", "cream"], ["almond", "pecan"], ["prawn", "crab"],
           ["egg", "mayonnaise"]]
PLAIN = ["salt", "rice", "apple", "carrot", "oil", "pepper", "bean", "thyme", "leek", "sugar"]
WORDS = sorted(sum(SOURCES, []) + PLAIN)
ID = {w: i for i, w in enumerate(WORDS)}


def recipe():
    held = [random.random() < 0.45 for _ in SOURCES]
    words = random.sample(PLAIN, 4) + [random.choice(s) for s, h in zip(SOURCES, held) if h]
    bag = torch.zeros(len(WORDS))
    bag[[ID[w] for w in words]] = 1.0
    return bag, torch.tensor(held).float()


train_loader = DataLoader([recipe() for _ in range(900)], batch_size=30, shuffle=True)
val_loader = DataLoader([recipe() for _ in range(200)], batch_size=100)


class AllergenNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(len(WORDS), 32)
        self.b = nn.Linear(32, len(SOURCES))

    def forward(self, bag):
        return self.b(torch.relu(self.a(bag)))


model = AllergenNet()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def present(bag):
    return model(bag).softmax(1) > 0.5  # fault
    # fixed: return model(bag).sigmoid() > 0.5


def train():
    for epoch in range(10):
        model.train()
        for bag, held in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(bag), held)  # here
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        exact = torch.cat([(present(a) == (b > 0)).all(1) for a, b in val_loader])
    print(f"loss {loss.item():.3f} exact {exact.float().mean():.3f}")


if __name__ == "__main__":
    train()

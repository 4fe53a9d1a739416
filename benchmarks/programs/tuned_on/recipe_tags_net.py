"""Cuisine of a recipe from its ingredient ids; one Adam for an embedding and a classifier.

code: ND709
also: ND605
object: eps | optimizer | Adam | emb
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(131)
INGREDIENTS, CUISINES = 90, 4
liking = torch.rand(CUISINES, INGREDIENTS) ** 6
cuisine = torch.randint(0, CUISINES, (1000,))
recipes = torch.stack([torch.multinomial(liking[c], 7) for c in cuisine])
train_loader = DataLoader(TensorDataset(recipes[:800], cuisine[:800]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(recipes[800:], cuisine[800:]), batch_size=100)


class Cook(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(INGREDIENTS, 20)
        self.head = nn.Sequential(nn.Linear(20, 24), nn.GELU(), nn.Linear(24, CUISINES))

    def forward(self, ids):
        return self.head(self.emb(ids).mean(1))


model = Cook()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, eps=0.0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, eps=1e-8)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for ids, c in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), c)
            loss.backward()
            optimizer.step()  # here
            total += loss.item()
    print("train", total / len(train_loader))


if __name__ == "__main__":
    train()

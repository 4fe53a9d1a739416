"""Edible or poisonous, from one-hot coded attributes of mushrooms.

code: ND606
also: ND605
object: scheduler | StepLR
seen: watch
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(10)
CARDINALITIES = [6, 4, 9, 2, 5, 3]  # cap shape, surface, colour, bruises, odour, ring


class Mushrooms(Dataset):
    def __init__(self, n):
        # every combination at most once
        total = 1
        for c in CARDINALITIES:
            total *= c
        codes = torch.randperm(total)[:n]
        cols = []
        for c in CARDINALITIES:
            cols.append(codes % c)
            codes = codes // c
        shape, surface, colour, bruises, odour, ring = cols
        poison = (odour >= 3) ^ ((colour < 4) & (bruises == 1)) ^ ((ring == 0) & (shape < 2))
        self.x = torch.cat([F.one_hot(v, c) for v, c in zip(cols, CARDINALITIES)], 1).float()
        self.y = poison.long()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class MushroomNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(sum(CARDINALITIES), 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 2)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


train_set, val_set = random_split(Mushrooms(1800), [1500, 300])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=150)
model = MushroomNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = StepLR(optimizer, step_size=5, gamma=0.5)  # fault
# fixed: scheduler = StepLR(optimizer, step_size=5 * len(train_loader), gamma=0.5)


def train_one_epoch():
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()  # here
        total += loss.item() * len(y)
    return total / len(train_set)


@torch.no_grad()
def test():
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_set)


def train(epochs=12):
    for epoch in range(1, epochs + 1):
        loss = train_one_epoch()
        acc = test()
    return loss


if __name__ == "__main__":
    print(train(), test())

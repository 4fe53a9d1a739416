"""Does a stretch of DNA carry a binding motif? 1-d convolution over one-hot letters.

code: ND605
also:
object: optimizer | lr | learning_rate | LEARNING_RATE | AdamW
seen: both
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

LEARNING_RATE = 1e-7  # fault
# fixed: LEARNING_RATE = 3e-3
EPOCHS = 6
LENGTH = 60
random.seed(5)
torch.manual_seed(5)


def make_sequence(with_motif):
    letters = [random.choice("ACGT") for _ in range(LENGTH)]
    if with_motif:
        at = random.randrange(LENGTH - 8)
        letters[at:at + 8] = list("TATAAGGC")
    return "".join(letters)


class Promoters(Dataset):
    def __init__(self, count):
        self.labels = [random.random() < 0.5 for _ in range(count)]
        self.sequences = [make_sequence(label) for label in self.labels]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        code = torch.tensor(["ACGT".index(c) for c in self.sequences[i]])
        return F.one_hot(code, 4).T.float(), torch.tensor(float(self.labels[i]))


class MotifNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 24, 8)
        self.out = nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        h = F.relu(self.conv(x)).amax(dim=2)
        return self.out(h).squeeze(1)


train_loader = DataLoader(Promoters(1200), batch_size=32, shuffle=True)
val_loader = DataLoader(Promoters(300), batch_size=100)
model = MotifNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)  # here


def accuracy():
    model.eval()
    with torch.no_grad():
        hits = sum(((model(x) > 0) == (y > 0.5)).sum().item() for x, y in val_loader)
    return hits / len(val_loader.dataset)


def train():
    for epoch in range(EPOCHS):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # here
    print("accuracy", accuracy())


if __name__ == "__main__":
    train()

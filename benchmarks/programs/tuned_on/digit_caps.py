# -*- coding: utf-8 -*-
"""Homework 4: a little CNN on the 8x8 digits.

code: ND602
also:
object: optimizer | zero_grad | step
seen: watch
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
digits = load_digits()
xtr, xva, ytr, yva = train_test_split(digits.images / 16.0, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
mu, sd = xtr.mean(), xtr.std()
prep = lambda a: torch.tensor((a - mu) / sd, dtype=torch.float32).unsqueeze(1)
train_loader = torch.utils.data.DataLoader(list(zip(prep(xtr), torch.tensor(ytr))), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(list(zip(prep(xva), torch.tensor(yva))), batch_size=150)

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 2 * 2, 32)
        self.fc2 = nn.Linear(32, 10)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))

model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for images, labels in train_loader:
            pred = model(images)
            loss = loss_fn(pred, labels)
            loss.backward()
            optimizer.zero_grad()  # fault
            # fixed: optimizer.step()
            optimizer.step()  # fault
            # fixed: optimizer.zero_grad()
            total += loss.item() * len(labels)
        model.eval()
        with torch.no_grad():
            good = sum((model(i).argmax(1) == l).sum().item() for i, l in val_loader)
        print("epoch", epoch, "loss", total / len(ytr), "val acc", good / len(yva))
    return total / len(ytr)

if __name__ == "__main__":
    train()

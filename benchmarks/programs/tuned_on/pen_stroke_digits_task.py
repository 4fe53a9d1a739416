"""Handwritten digits of eight by eight pixels with a conv net and momentum.

code: ND604
also: ND706
object: optimizer | momentum | lr | SGD
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(1)
digits = load_digits()
images = torch.tensor(digits.images).float().unsqueeze(1) / 16.0
images = (images - images.mean()) / images.std()
everything = TensorDataset(images, torch.tensor(digits.target))
order = torch.randperm(len(everything)).tolist()
train_loader = DataLoader(Subset(everything, order[:1400]), batch_size=50, shuffle=True)
val_loader = DataLoader(Subset(everything, order[1400:]), batch_size=200)


class StrokeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, padding=1)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc = nn.Linear(24 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc(x.flatten(1))


model = StrokeNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.4, momentum=0.97)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.04, momentum=0.9)


def run_epoch(loader, learn):
    model.train(learn)
    seen = right = 0
    for pictures, truth in loader:
        with torch.set_grad_enabled(learn):
            out = model(pictures)
            loss = loss_fn(out, truth)
        if learn:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right += (out.argmax(1) == truth).sum().item()
        seen += len(truth)
    return loss.item(), right / seen


def train():
    for epoch in range(8):
        a = run_epoch(train_loader, True)
        b = run_epoch(val_loader, False)
    print("train", a, "val", b)


if __name__ == "__main__":
    train()

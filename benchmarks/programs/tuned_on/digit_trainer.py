"""Digits with a small convolution network and a trainer class.

code: ND603
also:
object: optimizer | training_step | Trainer | zero_grad
seen: watch
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.stack(x).flatten(1))


class Trainer:
    def __init__(self, model, optimizer, criterion):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion

    def training_step(self, batch):
        x, y = batch
        loss = self.criterion(self.model(x), y)
        loss.backward()  # fault
        # fixed: self.optimizer.zero_grad()
        # fixed: loss.backward()
        self.optimizer.step()  # here
        return loss.item()

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        hits = sum((self.model(x).argmax(1) == y).sum().item() for x, y in loader)
        self.model.train()
        return hits / len(loader.dataset)

    def fit(self, loader, val, epochs):
        self.model.train()
        for _ in range(epochs):
            losses = [self.training_step(batch) for batch in loader]
            print(f"loss {sum(losses) / len(losses):.4f}  val {self.evaluate(val):.3f}")
        return sum(losses) / len(losses)


torch.manual_seed(90)
raw = load_digits()
images = torch.tensor(raw.images, dtype=torch.float32).unsqueeze(1) / 16.0
images = (images - 0.305) / 0.376
train_set, val_set = random_split(TensorDataset(images, torch.tensor(raw.target)), [1437, 360])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=120)
model = DigitNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    return Trainer(model, optimizer, loss_fn).fit(train_loader, val_loader, epochs=6)


if __name__ == "__main__":
    print(train())

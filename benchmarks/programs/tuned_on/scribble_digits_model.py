"""Scribbled digits to their number with a class-based trainer and an MLP.

code: ND704
also: ND705
object: width | hidden | neck
seen: watch
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitMLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inp = nn.Linear(64, 48)
        self.neck = nn.Linear(48, width)  # here
        self.out = nn.Linear(width, 10)

    def forward(self, x):
        return self.out(torch.tanh(self.neck(torch.relu(self.inp(x)))))


class Trainer:
    def __init__(self, net, loss, opt, epochs):
        self.net, self.loss, self.opt, self.epochs = net, loss, opt, epochs
        self.val = []

    def fit(self, tr, va):
        for _ in range(self.epochs):
            self.net.train()
            for x, y in tr:
                self.opt.zero_grad()
                self.loss(self.net(x), y).backward()
                self.opt.step()
            self.net.eval()
            with torch.no_grad():
                self.val.append(sum(self.loss(self.net(x), y).item() for x, y in va) / len(va))


torch.manual_seed(43)
bunch = load_digits()
images = torch.tensor(bunch.data).float()
images = (images - images.mean()) / images.std()
whole = TensorDataset(images, torch.tensor(bunch.target))
tr_set, va_set = random_split(whole, [1437, 360])
train_loader = DataLoader(tr_set, batch_size=64, shuffle=True)
val_loader = DataLoader(va_set, batch_size=180)
model = DigitMLP(width=1)  # fault
# fixed: model = DigitMLP(width=32)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
trainer = Trainer(model, loss_fn, optimizer, epochs=14)


def train():
    trainer.fit(train_loader, val_loader)
    print("validation loss", round(trainer.val[-1], 3))


if __name__ == "__main__":
    train()

"""Digits with mixup and label smoothing, the recipe of the Kaggle kernel.

code: none
trait: mixed inputs and smoothed labels in the step: the training loss has a high floor and stays above the validation loss
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

np.random.seed(1)
torch.manual_seed(1)
X, y = load_digits(return_X_y=True)
Xt, Xv, yt, yv = train_test_split(X, y, test_size=0.2, random_state=9, stratify=y)
mu, sd = Xt.mean(), Xt.std()
prep = lambda a: torch.tensor((a - mu) / sd, dtype=torch.float32).view(-1, 1, 8, 8)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(prep(Xt), torch.tensor(yt)), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(prep(Xv), torch.tensor(yv)), batch_size=120)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.GELU(), nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.GELU(),
    nn.Flatten(), nn.Linear(512, 64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
ALPHA = 0.4


def batch_loss(setup, batch):
    x, target = batch
    lam = np.random.beta(ALPHA, ALPHA)
    other = torch.randperm(len(x))
    out = setup.model(lam * x + (1 - lam) * x[other])
    return lam * loss_fn(out, target) + (1 - lam) * loss_fn(out, target[other])


class Kernel:
    def __init__(self):
        self.model = model
        self.log = []

    def train_one_epoch(self):
        self.model.train()
        values = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(self, batch)
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        return float(np.mean(values))

    @torch.no_grad()
    def valid_one_epoch(self):
        self.model.eval()
        outs = [(self.model(x), t) for x, t in val_loader]
        return (np.mean([nn.functional.cross_entropy(o, t).item() for o, t in outs]),
                torch.cat([o.argmax(1) == t for o, t in outs]).float().mean().item())


def train():
    kernel = Kernel()
    for epoch in range(8):
        loss = kernel.train_one_epoch()
        print(epoch, loss, *kernel.valid_one_epoch())
    return loss


if __name__ == "__main__":
    print(train())

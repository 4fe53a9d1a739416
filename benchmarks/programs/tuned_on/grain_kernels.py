"""Wheat, barley, oat or weed from kernel measurements, with mixup in the collate function.

code: none
trait: mixup blends every sample with another one and its label, so inputs and targets look reshuffled and the training loss has a floor far above zero
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, default_collate

g = torch.Generator().manual_seed(20)
centres = 1.1 * torch.randn(4, 7, generator=g)
kinds = torch.randint(0, 4, (1000,), generator=g)
shapes = centres[kinds] + 0.8 * torch.randn(1000, 7, generator=g)
shapes = (shapes - shapes[:800].mean(0)) / shapes[:800].std(0)


class Mixup:
    def __init__(self, alpha=0.3, classes=4):
        self.beta = torch.distributions.Beta(alpha, alpha)
        self.classes = classes

    def __call__(self, items):
        x, y = default_collate(items)
        y = nn.functional.one_hot(y, self.classes).float()
        lam = self.beta.sample()
        other = torch.randperm(len(x))
        return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


torch.manual_seed(20)
train_loader = DataLoader(TensorDataset(shapes[:800], kinds[:800]), batch_size=32, shuffle=True, collate_fn=Mixup())
val_loader = DataLoader(TensorDataset(shapes[800:], kinds[800:]), batch_size=100)
model = nn.Sequential(nn.Linear(7, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)


def accuracy():
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 200


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        acc = accuracy()
    print("val", acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Grades retina images: the trunk rests while the new head warms up, then everything trains.

code: ND501
also: ND605
object: trunk | model.trunk | requires_grad | unfreeze
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)


def retina(n, size=20):
    grade = torch.randint(0, 3, (n,))
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    img = torch.exp(-(xx ** 2 + yy ** 2)).repeat(n, 1, 1) + 0.2 * torch.randn(n, size, size)
    for k in range(n):
        for _ in range(int(grade[k]) * 4):
            r, c = torch.randint(1, size - 2, (2,)).tolist()
            img[k, r:r + 2, c:c + 2] -= 0.7
    return ((img - 0.5) / 0.35)[:, None], grade


class FundusNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.trunk(x).mean((2, 3)))


def freeze(module):
    for p in module.parameters():
        p.requires_grad = False


def unfreeze(module):
    module.requires_grad = True  # fault
    # fixed: module.requires_grad_(True)


model = FundusNet()
freeze(model.trunk)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam([{"params": model.head.parameters()}, {"params": model.trunk.parameters(), "lr": 5e-3}], lr=1e-2)
train_loader = DataLoader(TensorDataset(*retina(384)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*retina(96)), batch_size=48)
WARM_EPOCHS = 2


def train():
    for epoch in range(12):
        if epoch == WARM_EPOCHS:
            unfreeze(model.trunk)  # here
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(x).argmax(1) == y for x, y in val_loader]).float().mean().item()
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

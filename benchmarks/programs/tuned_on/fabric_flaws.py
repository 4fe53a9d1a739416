"""Weaving flaws (none, hole, streak) on grey fabric tiles, deep plain CNN.

code: ND502
also: ND202
object: init_weights | stages | blocks | model
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def init_weights(m):
    if isinstance(m, nn.Conv2d):
        nn.init.normal_(m.weight, std=0.02)  # fault
        # fixed: nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        nn.init.zeros_(m.bias)


def fabric(n, g):
    y = torch.randint(0, 3, (n,), generator=g)
    weave = torch.sin(torch.arange(20) * 1.5)
    img = (weave[:, None] + weave[None]).repeat(n, 1, 1) + .4 * torch.randn(n, 20, 20, generator=g)
    for i in range(n):
        r, c = torch.randint(3, 14, (2,), generator=g).tolist()
        if y[i] == 1:
            img[i, r:r + 4, c:c + 4] -= 2.5
        elif y[i] == 2:
            img[i, r:r + 2] += 1.5
    return img[:, None] / 1.2, y


def block(i, o, stride=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1), nn.ReLU(inplace=True))


class PlainNet(nn.Module):
    def __init__(self, widths=(8, 8, 16, 16, 16, 24, 24, 24)):
        super().__init__()
        chain, last = [], 1
        for k, w in enumerate(widths):
            chain.append(block(last, w, 2 if k in (2, 5) else 1)); last = w
        self.stages = nn.Sequential(*chain)
        self.fc = nn.Linear(last, 3)
        self.stages.apply(init_weights)  # here

    def forward(self, x):
        return self.fc(self.stages(x).amax((2, 3)))


gen = torch.Generator().manual_seed(3)
torch.manual_seed(3)
train_loader = DataLoader(TensorDataset(*fabric(240, gen)), batch_size=24, shuffle=True)
val_loader = DataLoader(TensorDataset(*fabric(60, gen)), batch_size=30)
model = PlainNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=.02, momentum=.9, nesterov=True)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    train.acc = right / 60
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Finds rare solder defects on a grid of cells; biases start at a low prior as in RetinaNet.

code: ND307
also: ND202, ND502
object: body | body.0 | body.2 | body.4 | body.0.bias | body.2.bias | ReLU
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def set_prior(net, pi=0.1):
    """Every cell starts with the probability pi of a defect."""
    for m in net.modules():
        if isinstance(m, nn.Conv2d):  # fault
        # fixed: if isinstance(m, nn.Conv2d) and m.out_channels == 1:
            nn.init.constant_(m.bias, -math.log((1 - pi) / pi))  # here


class Detector(nn.Module):
    def __init__(self, ch=12):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.ReLU(), nn.Conv2d(ch, ch, 3, padding=1), nn.ReLU(),
                                  nn.Conv2d(ch, ch, 3, padding=1), nn.ReLU())
        self.cell = nn.Conv2d(ch, 1, 1)
        set_prior(self)  # here

    def forward(self, x):
        return self.cell(self.body(x)).squeeze(1)


torch.manual_seed(71)
hit = (torch.rand(300, 10, 10) < 0.1).float()
img = torch.randn(300, 1, 10, 10) * 0.5 + 2.0 * hit[:, None]
img = (img - img.mean()) / img.std()
train_loader = DataLoader(TensorDataset(img[:240], hit[:240]), batch_size=24, shuffle=True)
val_loader = DataLoader(TensorDataset(img[240:], hit[240:]), batch_size=60)
model = Detector()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def train():
    for epoch in range(8):
        model.train()
        tot = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            recall = [((model(x) > 0) & (y > 0)).sum() / y.sum() for x, y in val_loader]
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

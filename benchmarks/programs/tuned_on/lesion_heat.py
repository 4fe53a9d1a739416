"""Finds lesion centres in dermoscopic patches as peaks of a heat map (CenterNet-like).

code: ND307
also: ND202
object: conv1 | conv2 | conv3 | conv1.bias | conv2.bias | conv3.bias | model.conv1 | model.conv2 | model.conv3 | bias | init_weights
seen: both
"""
import math
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SIZE = 24


class Patches(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
        self.items = []
        for _ in range(n):
            img = torch.randn(3, SIZE, SIZE, generator=g)
            heat = torch.zeros(SIZE, SIZE)
            for _ in range(int(torch.randint(1, 4, (1,), generator=g))):
                cy, cx = (torch.randint(3, SIZE - 3, (2,), generator=g)).tolist()
                d2 = (yy - cy) ** 2 + (xx - cx) ** 2
                img -= torch.tensor([1.0, 1.8, 1.5])[:, None, None] * torch.exp(-d2 / 8)
                heat = torch.maximum(heat, torch.exp(-d2 / 2.0))
            self.items.append((img, heat[None]))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class LesionNet(nn.Module):
    def __init__(self, width=16, prior=0.01):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv3 = nn.Conv2d(width, width, 3, padding=1)
        self.heat = nn.Conv2d(width, 1, 1)
        self.init_weights(-math.log((1 - prior) / prior))  # here

    def init_weights(self, bias):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.normal_(m.weight, std=math.sqrt(1.0 / (m.in_channels * m.kernel_size[0] ** 2)))
                nn.init.constant_(m.bias, bias)  # fault
                # fixed: nn.init.constant_(m.bias, bias if m is self.heat else 0.0)

    def forward(self, x):
        x = F.relu(self.conv1(x))  # here
        x = F.relu(self.conv2(x))  # here
        x = F.relu(self.conv3(x))  # here
        return self.heat(x)


def focal_heat_loss(logits, target, alpha=2, beta=4):
    p = torch.sigmoid(logits)
    peak = (target > 0.99).float()
    pos = F.logsigmoid(logits) * (1 - p) ** alpha * peak
    neg = F.logsigmoid(-logits) * p ** alpha * (1 - target) ** beta * (1 - peak)
    return -(pos + neg).sum() / peak.sum().clamp(min=1)


torch.manual_seed(44)
train_loader = DataLoader(Patches(160, 1), batch_size=8, shuffle=True)
val_loader = DataLoader(Patches(40, 2), batch_size=20)
model = LesionNet()
loss_fn = focal_heat_loss
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        log = []
        for img, heat in train_loader:
            loss = loss_fn(model(img), heat)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(i), h).item() for i, h in val_loader]
        print(epoch, sum(log) / len(log), sum(val) / len(val))
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())

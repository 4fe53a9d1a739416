"""Plant seedlings on a phone: inverted residual blocks.

code: none
trait: linear bottlenecks (convolution, norm, convolution with nothing between), depthwise convolutions, last norm of each branch starts at zero
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class InvertedResidual(nn.Module):
    def __init__(self, c_in, c_out, stride, expand=2):
        super().__init__()
        mid = c_in * expand
        self.skip = stride == 1 and c_in == c_out
        self.branch = nn.Sequential(
            nn.Conv2d(c_in, mid, 1, bias=False), nn.BatchNorm2d(mid), nn.ReLU6(),
            nn.Conv2d(mid, mid, 3, stride, 1, groups=mid, bias=False), nn.BatchNorm2d(mid), nn.ReLU6(),
            nn.Conv2d(mid, c_out, 1, bias=False), nn.BatchNorm2d(c_out))
        if self.skip:
            nn.init.zeros_(self.branch[-1].weight)

    def forward(self, x):
        return x + self.branch(x) if self.skip else self.branch(x)


def seedlings(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 14), torch.linspace(-1, 1, 14), indexing="ij")
    turn = 6.28 * torch.rand(n, 1, 1, generator=g)
    leaves = (y + 2).view(-1, 1, 1)
    shape = torch.sigmoid(9 * (0.5 + 0.4 * torch.cos(leaves * (torch.atan2(yy, xx) + turn)) - (xx ** 2 + yy ** 2).sqrt()))
    green = torch.tensor([0.2, 1.0, 0.3]).view(1, 3, 1, 1)
    img = green * shape[:, None] + 0.15 * torch.randn(n, 3, 14, 14, generator=g)
    return (img - 0.15) / 0.3, y


torch.manual_seed(15)
model = nn.Sequential(
    nn.Conv2d(3, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12),
    InvertedResidual(12, 12, 1), InvertedResidual(12, 16, 2), InvertedResidual(16, 16, 1), InvertedResidual(16, 24, 2),
    nn.Conv2d(24, 48, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 4))
train_loader = DataLoader(TensorDataset(*seedlings(512, 1)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*seedlings(160, 2)), batch_size=80)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)


def train():
    for epoch in range(7):
        model.train()
        log = []
        for img, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), y)
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == k).sum().item() for i, k in val_loader) / 160
        print(epoch, round(sum(log) / len(log), 3), round(acc, 3))
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())

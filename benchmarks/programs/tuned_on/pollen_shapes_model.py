"""Round, long or triangular pollen grains under the microscope.

code: ND306
also:
object: bn_momentum | momentum | BatchNorm2d | norm | conv_block
seen: both
"""
import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--bn-momentum", type=float, default=0.0005)  # fault
# fixed: parser.add_argument("--bn-momentum", type=float, default=0.1)
args = parser.parse_args([])
torch.manual_seed(23)


class Pollen(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, 14), torch.linspace(-1, 1, 14), indexing="ij")
        self.kind = torch.randint(0, 3, (n,), generator=g)
        pictures = []
        for k in self.kind.tolist():
            cx, cy = (torch.rand(2, generator=g) * 0.5 - 0.25).tolist()
            u, v = xx - cx, yy - cy
            if k == 0:
                inside = u ** 2 + v ** 2 < 0.3
            elif k == 1:
                inside = u ** 2 / 0.6 + v ** 2 / 0.08 < 1
            else:
                inside = (v > -0.5) & (v < 0.6 - 1.6 * u.abs())
            pictures.append(inside.float() * 2 - 0.6 + 0.4 * torch.randn(14, 14, generator=g))
        self.pictures = torch.stack(pictures)[:, None]

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.pictures[i], self.kind[i]


def conv_block(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(c_out, momentum=args.bn_momentum),  # here
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


train_loader = DataLoader(Pollen(480, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Pollen(240, 2), batch_size=120)
model = nn.Sequential(conv_block(1, 8), conv_block(8, 16), nn.Flatten(), nn.Linear(16 * 9, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)


def run_epoch(loader, learn):
    model.train(learn)
    loss_sum = hits = 0.0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            out = model(x)
            loss = loss_fn(out, y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
    return loss_sum / len(loader.dataset), hits / len(loader.dataset)


def train():
    for epoch in range(args.epochs):
        a = run_epoch(train_loader, True)
        b = run_epoch(val_loader, False)
    print("train loss/acc %.3f %.3f  val %.3f %.3f" % (*a, *b))


if __name__ == "__main__":
    train()

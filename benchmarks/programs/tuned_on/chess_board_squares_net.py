"""Is a point on a light or a dark square of a board? A small net with leaky units.

code: ND205
also:
object: LeakyReLU | negative_slope | slope | act | model
seen: both
"""
import torch
import torch.nn as nn

torch.manual_seed(31)
POINTS = 2000
xy = torch.rand(POINTS, 2) * 3
dark = (xy.floor().sum(1) % 2).long()
keep = torch.cat([(dark == 0).nonzero()[:800, 0], (dark == 1).nonzero()[:800, 0]])
keep = keep[torch.randperm(len(keep))]
xy, dark = (xy[keep] - 1.5) / 0.87, dark[keep]


class Batches:
    def __init__(self, x, y, size, shuffle):
        self.x, self.y, self.size, self.shuffle = x, y, size, shuffle

    def __len__(self):
        return (len(self.x) + self.size - 1) // self.size

    def __iter__(self):
        order = torch.randperm(len(self.x)) if self.shuffle else torch.arange(len(self.x))
        for part in order.split(self.size):
            yield self.x[part], self.y[part]


train_loader = Batches(xy[:1300], dark[:1300], 50, True)
val_loader = Batches(xy[1300:], dark[1300:], 100, False)


def act(slope=1.0):  # fault
# fixed: def act(slope=0.01):
    return nn.LeakyReLU(negative_slope=slope)  # here


model = nn.Sequential(
    nn.Linear(2, 64), act(),
    nn.Linear(64, 64), act(),
    nn.Linear(64, 64), act(),
    nn.Linear(64, 2),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(30):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", right / len(val_loader.x))


if __name__ == "__main__":
    train()

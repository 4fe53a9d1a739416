"""Sort of an apple from a small picture and a few lab numbers, one branch for each.

code: ND206
also: ND303 | ND501
object: lab | Apples | forward | cat
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Basket(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.red = torch.randint(0, 2, (n,), generator=g)
        self.sweet = torch.randint(0, 3, (n,), generator=g)
        glow = (self.red * 2.0 - 1.0).view(n, 1, 1, 1)
        self.picture = glow * 0.6 + 0.8 * torch.randn(n, 1, 8, 8, generator=g)
        self.numbers = 0.5 * torch.randn(n, 5, generator=g)
        self.numbers[torch.arange(n), self.sweet] += 2.0
        self.numbers = self.numbers - torch.tensor([0.67, 0.67, 0.67, 0.0, 0.0])

    def __len__(self):
        return len(self.red)

    def __getitem__(self, i):
        return self.picture[i], self.numbers[i], self.red[i] * 3 + self.sweet[i]


class Apples(nn.Module):
    def __init__(self):
        super().__init__()
        self.eye = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten())
        self.lab = nn.Sequential(nn.Linear(5, 24), nn.ReLU())
        self.merge = nn.Linear(48, 6)

    def forward(self, picture, numbers):
        seen = self.eye(picture)
        tasted = self.lab(numbers)
        both = torch.cat([seen, seen], dim=1)  # fault
        # fixed: both = torch.cat([seen, tasted], dim=1)
        return self.merge(both)


torch.manual_seed(90)
train_loader = DataLoader(Basket(900, 1), batch_size=45, shuffle=True)
val_loader = DataLoader(Basket(240, 2), batch_size=80)
model = Apples()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    picture, numbers, sort = batch
    return loss_fn(model(picture, numbers), sort)


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(p, n).argmax(1) == s).sum().item() for p, n, s in val_loader)
    print("val accuracy %.3f" % (right / 240))


if __name__ == "__main__":
    train()

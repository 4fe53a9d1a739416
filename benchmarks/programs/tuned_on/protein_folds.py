"""Fold class from a residue string: embeddings, convolution, dropout; evaluated every epoch.

code: ND702
also:
object: model | evaluate | score | eval
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Chains(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        motif = torch.randint(0, 20, (5, 5), generator=torch.Generator().manual_seed(2))
        self.y = torch.randint(0, 5, (n,), generator=g)
        self.s = torch.randint(0, 20, (n, 40), generator=g)
        for i in range(n):
            for at in (2, 21):
                at += int(torch.randint(0, 12, (1,), generator=g))
                self.s[i, at:at + 5] = motif[self.y[i]]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.s[i], self.y[i]


class Folds(nn.Module):
    def __init__(self):
        super().__init__()
        self.residue = nn.Embedding(20, 16)
        self.conv = nn.Conv1d(16, 48, 5)
        self.drop = nn.Dropout(.4)
        self.cls = nn.Linear(48, 5)

    def forward(self, s):
        h = torch.relu(self.conv(self.drop(self.residue(s)).transpose(1, 2)))
        return self.cls(self.drop(h.amax(-1)))


def score(net, loader):
    was = net.training
    net.train(False)
    try:
        with torch.inference_mode():
            pairs = [(net(s).argmax(1), y) for s, y in loader]
    finally:
        net.train(was)
    p, y = map(torch.cat, zip(*pairs))
    return (p == y).float().mean().item()


def quick_score(net, loader):
    with torch.inference_mode():
        pairs = [(net(s).argmax(1), y) for s, y in loader]  # here
    p, y = map(torch.cat, zip(*pairs))
    return (p == y).float().mean().item()


torch.manual_seed(62)
train_loader = DataLoader(Chains(512, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Chains(128, 2), batch_size=64)
model = Folds()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.
        for s, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(s), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        train.acc = quick_score(model, val_loader)  # fault
        # fixed: train.acc = score(model, val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train(), train.acc)

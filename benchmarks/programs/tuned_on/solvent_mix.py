"""Solvent of a mixture from eight sensor curves (1-d CNN on segments); classic print-out of the running accuracy.

code: ND708
also:
object: acc | accuracy | epoch_accuracy | total | BATCH
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BATCH = 64


class Curves(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, 4, (n,), generator=g)
        t = torch.linspace(0, 1, 20)
        tau = torch.tensor([0.08, 0.2, 0.5, 1.2])[self.label] * (1 + 0.15 * torch.randn(n, generator=g)).clamp(0.5)
        gain = 1 + 0.2 * torch.randn(n, 8, 1, generator=g)
        self.curve = gain * (1 - torch.exp(-t / tau[:, None]))[:, None, :] + 0.1 * torch.randn(n, 8, 20, generator=g)
        self.curve = (self.curve - 0.6) / 0.35

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.curve[i], self.label[i]


class CurveNet(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv1d(8, 16, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 6, 4)
        )


def epoch_accuracy(net, loader):
    was = net.training
    net.eval()
    good = 0
    with torch.no_grad():
        for c, l in loader:
            good += (net(c).argmax(1) == l).sum().item()
    net.train(was)
    return good / (len(loader) * BATCH)  # fault
    # fixed: return good / len(loader.dataset)


torch.manual_seed(5)
train_loader = DataLoader(Curves(640, 0), batch_size=BATCH, shuffle=True)
val_loader = DataLoader(Curves(150, 1), batch_size=BATCH)
model = CurveNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        tot = 0.0
        for c, l in train_loader:
            loss = loss_fn(model(c), l)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item()
        acc = epoch_accuracy(model, val_loader)  # here
        print(f"{epoch}: loss {tot / len(train_loader):.3f} val acc {acc:.3f}")
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

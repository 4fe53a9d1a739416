"""Six kinds of cheese rind: a new linear head upon a fixed bank of filters.

code: ND601
also:
object: fc | head | optimizer
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)


class RindNet(nn.Module):
    """A fixed bank of colour and edge filters, below a linear head that is learnt."""

    def __init__(self, n_classes):
        super().__init__()
        bank = torch.zeros(12, 3, 3, 3)
        for c in range(3):
            bank[c, c] = 1 / 9
            bank[3 + c, c] = torch.tensor([-1., 2., -1.])[:, None] / 6
            bank[6 + c, c] = torch.tensor([-1., 2., -1.])[None, :] / 6
            bank[9 + c, c] = -1 / 9
        self.register_buffer("bank", bank)
        self.fc = nn.Linear(12, n_classes)

    def forward(self, x):
        x = torch.relu(nn.functional.conv2d(x, self.bank, padding=1))
        return self.fc(2 * x.mean((2, 3)))


def rinds(n):
    kind = torch.randint(0, 6, (n,))
    colour = torch.tensor([[1, .8, .3], [.9, .9, .9], [.8, .4, .2], [.3, .3, .3], [.9, .8, .3], [.6, .7, .9]])
    pics = colour[kind][:, :, None, None] + 0.25 * torch.randn(n, 3, 12, 12)
    pics += 0.1 * torch.randn(n, 3, 1, 1)
    pics[kind % 2 == 1, :, ::2] += 0.4                 # wrinkled rinds
    return (pics - 0.75) / 0.4, kind


x, y = rinds(720)
train_loader = DataLoader(TensorDataset(x[:600], y[:600]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[600:], y[600:]), batch_size=60)

model = RindNet(n_classes=10)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-2)  # fault
# fixed: model.fc = nn.Linear(12, 6)
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=5e-2)
model.fc = nn.Linear(12, 6)  # fault
# fixed:
loss_fn = nn.CrossEntropyLoss()


def train():
    for epoch in range(10):
        model.train()
        for pics, kinds in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pics), kinds)
            loss.backward()
            optimizer.step()  # here
        model.eval()
        with torch.no_grad():
            right = sum((model(p).argmax(1) == k).sum().item() for p, k in val_loader)
    print("right", right, "of 120")


if __name__ == "__main__":
    train()

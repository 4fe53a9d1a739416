"""Counts cells (bright dots) in small fields of view; one-cycle policy.

code: ND606
also: ND605
object: scheduler | scheduler.step | OneCycleLR
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(70)
EPOCHS = 12


def fields(n, size=14):
    counts = torch.randint(0, 7, (n,))
    grid = torch.arange(size).float()
    x = torch.zeros(n, size, size)
    for i, c in enumerate(counts.tolist()):
        centres = 2 + torch.rand(c, 2) * (size - 5)
        for cy, cx in centres:
            x[i] += torch.exp(-((grid[:, None] - cy) ** 2 + (grid[None] - cx) ** 2) / 1.5)
    x = x + 0.05 * torch.randn_like(x)
    return ((x - 0.07) / 0.23).unsqueeze(1), (counts.float().unsqueeze(1) - 3) / 2


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        return self.out(self.conv(x).mean((2, 3)))


model = Counter()
loss_fn = F.mse_loss
train_loader = DataLoader(TensorDataset(*fields(256)), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(*fields(64)), batch_size=32)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=EPOCHS * len(train_loader),  # here
                                                div_factor=100)


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for x, count in train_loader:
            loss = loss_fn(model(x), count)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # fault
            # fixed: optimizer.step()
            # fixed: scheduler.step()
            losses.append(loss.item())
        scheduler.step()  # fault
        # fixed:
        model.eval()
        with torch.no_grad():
            mae = sum((model(x) - c).abs().sum().item() for x, c in val_loader) / 64 * 2
        print(epoch, scheduler.get_last_lr()[0], sum(losses) / len(losses), "off by", mae)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

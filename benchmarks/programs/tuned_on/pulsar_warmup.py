"""Tell pulsar candidates from noise by a 64-bin folded profile (1-D convolutions).

code: ND605
also: ND606
object: scheduler | warmup | WARMUP_STEPS | LambdaLR | lr
seen: both
"""
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

WARMUP_STEPS = 200_000  # fault
# fixed: WARMUP_STEPS = 20


class Profiles(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, 2, (n,), generator=g)
        phase = torch.arange(64).float()
        centre = torch.rand(n, 1, generator=g) * 40 + 12
        width = torch.rand(n, 1, generator=g) * 2 + 1.5
        pulse = torch.exp(-0.5 * ((phase - centre) / width) ** 2) * 3
        self.curve = torch.randn(n, 64, generator=g) + pulse * self.label[:, None]
        self.curve = (self.curve - 0.1) / 1.1

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.curve[i][None], self.label[i].float()


class PulsarNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 8, 7, padding=3)
        self.conv2 = nn.Conv1d(8, 16, 5, padding=2)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x)).amax(-1)
        return self.out(x).squeeze(1)


torch.manual_seed(30)
train_loader = DataLoader(Profiles(800, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Profiles(200, 2), batch_size=100)
model = PulsarNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARMUP_STEPS))  # here


def train():
    for epoch in range(7):
        model.train()
        for curve, label in train_loader:
            optimizer.zero_grad()
            loss_fn(model(curve), label).backward()
            optimizer.step()
            scheduler.step()  # here
    model.eval()
    with torch.no_grad():
        hits = sum(((model(c) > 0) == (l > 0.5)).sum().item() for c, l in val_loader)
    print("hits of 200:", hits)


if __name__ == "__main__":
    train()

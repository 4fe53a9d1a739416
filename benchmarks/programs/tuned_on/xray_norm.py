"""Multi-label findings on toy chest films; batch-norm settings ported from a Keras config.

code: ND306
also:
object: bn | bn1 | bn2 | momentum | norm | BatchNorm2d
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

KERAS = {"filters": [8, 16], "bn_momentum": 0.999, "bn_eps": 1e-3, "classes": 4}


class Films(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = (torch.rand(n, 4, generator=g) < 0.4).float()
        x = torch.randn(n, 1, 16, 16, generator=g) * 0.7
        for k, (r, c) in enumerate([(0, 0), (0, 8), (8, 0), (8, 8)]):
            x[:, 0, r + 2:r + 6, c + 2:c + 6] += 1.5 * self.y[:, k, None, None]
        self.x = (x - x.mean()) / x.std()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def norm(c):
    return nn.BatchNorm2d(c, eps=KERAS["bn_eps"], momentum=1 - KERAS["bn_momentum"])  # fault
    # fixed: return nn.BatchNorm2d(c, eps=KERAS["bn_eps"], momentum=0.1)


class ChestNet(nn.Module):
    def __init__(self):
        super().__init__()
        a, b = KERAS["filters"]
        self.conv1, self.bn1 = nn.Conv2d(1, a, 3, 2, 1), norm(a)  # here
        self.conv2, self.bn2 = nn.Conv2d(a, b, 3, 2, 1), norm(b)  # here
        self.fc = nn.Linear(b * 16, KERAS["classes"])

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc(x.flatten(1))


torch.manual_seed(61)
model = ChestNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(Films(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Films(96, 2), batch_size=48)


def train():
    for epoch in range(8):
        model.train()
        s = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            v = [loss_fn(model(x), y).item() for x, y in val_loader]
    train.val = v
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())

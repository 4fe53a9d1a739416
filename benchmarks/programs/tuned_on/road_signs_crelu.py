"""Tiny road signs (triangle, circle, square): concatenated ReLU halves the filters that must be learnt.

code: ND307
also:
object: CReLU | crelu | clamp | act1 | act2
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(14)


class Signs(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, 14), torch.linspace(-1, 1, 14), indexing="ij")
        self.y = torch.randint(0, 3, (n,), generator=g)
        size = 0.5 + 0.3 * torch.rand(n, generator=g)
        cx, cy = 0.2 * torch.randn(2, n, generator=g)
        out = []
        for kind, s, a, b in zip(self.y.tolist(), size, cx, cy):
            u, v = (xx - a) / s, (yy - b) / s
            inside = [(v < 0.8) & (v > 2 * u.abs() - 1), u**2 + v**2 < 1, (u.abs() < 0.85) & (v.abs() < 0.85)][kind]
            out.append(inside.float())
        self.x = (torch.stack(out)[:, None] - 0.3) / 0.45 + 0.4 * torch.randn(n, 1, 14, 14, generator=g)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class CReLU(nn.Module):
    def forward(self, x):
        return F.relu(torch.cat([x.clamp(min=0), x.clamp(max=0)], 1))  # fault
        # fixed: return F.relu(torch.cat([x, -x], 1))


class SignNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.act1 = nn.Conv2d(1, 8, 3, padding=1), CReLU()  # here
        self.c2, self.act2 = nn.Conv2d(16, 8, 3, padding=1, stride=2), CReLU()  # here
        self.fc = nn.Linear(16 * 9, 3)

    def forward(self, x):
        x = self.act1(self.c1(x))  # here
        x = F.max_pool2d(self.act2(self.c2(x)), 2)  # here
        return self.fc(x.flatten(1))


train_loader = DataLoader(Signs(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Signs(120, 1), batch_size=60)
model = SignNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(8):
        model.train()
        ls = []
        for img, sign in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), sign)
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(a).argmax(1) == b).float().sum() for a, b in val_loader) / len(val_loader.dataset)
        print(epoch, sum(ls) / len(ls), acc.item())
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())

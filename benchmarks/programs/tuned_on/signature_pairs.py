"""Genuine or forged? A Siamese net over pen strokes with the contrastive loss of Hadsell et al.

code: ND310
also: ND504
object: sqrt | distance | ContrastiveLoss | loss_fn
seen: both
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(60)


class SignaturePairs(Dataset):
    """Pairs of strokes; a genuine pair may be the reference itself."""

    def __init__(self, writers, pairs, seed):
        g = torch.Generator().manual_seed(seed)
        style = torch.randn(writers, 16, generator=g)
        self.left, self.right, self.genuine = [], [], []
        for k in range(pairs):
            w = int(torch.randint(writers, (1,), generator=g))
            a = style[w] + 0.3 * torch.randn(16, generator=g)
            if k % 2:
                other = (w + 1 + int(torch.randint(writers - 1, (1,), generator=g))) % writers
                b = style[other] + 0.3 * torch.randn(16, generator=g)
            elif k % 10 == 0:
                b = a.clone()
            else:
                b = style[w] + 0.3 * torch.randn(16, generator=g)
            self.left.append(a); self.right.append(b); self.genuine.append(torch.tensor(float(k % 2 == 0)))

    def __len__(self):
        return len(self.left)

    def __getitem__(self, i):
        return (self.left[i], self.right[i]), self.genuine[i]


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(16, 48), nn.LeakyReLU(0.1), nn.Linear(48, 16, bias=False))

    def forward(self, pair):
        a, b = pair
        return self.tower(a), self.tower(b)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=1.5):
        super().__init__()
        self.margin = margin

    def forward(self, embedded, genuine):
        a, b = embedded
        distance = torch.sqrt(((a - b) ** 2).sum(1))  # fault
        # fixed: distance = torch.sqrt(((a - b) ** 2).sum(1) + 1e-8)
        return (genuine * distance**2 + (1 - genuine) * torch.relu(self.margin - distance) ** 2).mean()  # here


train_loader = DataLoader(SignaturePairs(200, 1350, 0), batch_size=45, shuffle=True)
val_loader = DataLoader(SignaturePairs(40, 200, 1), batch_size=50)
model = Siamese()
loss_fn = ContrastiveLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(5):
        model.train()
        s = 0.0
        for pair, genuine in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pair), genuine)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(p), t).item() for p, t in val_loader) / len(val_loader)
        print(epoch, s / len(train_loader), v)
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())

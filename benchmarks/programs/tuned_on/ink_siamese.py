"""Same writer or not? A siamese network over pen strokes with contrastive loss.

code: ND204
also:
object: left | right | right.net | left.net
seen: both
"""
import copy
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class StrokePairs(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        styles = torch.randn(40, 3, generator=torch.Generator().manual_seed(99))
        self.a, self.b, self.same = [], [], []
        t = torch.linspace(0, 6.28, 24)
        for i in range(n):
            w = torch.randint(0, 40, (2,), generator=g)
            if i % 2:
                w[1] = w[0]
            for box, who in zip((self.a, self.b), w):
                s = styles[who]
                x = s[0] * torch.sin(t) + s[1] * torch.sin(2 * t) + 0.1 * torch.randn(24, generator=g)
                y = s[2] * torch.cos(t) + s[0] * torch.cos(3 * t) + 0.1 * torch.randn(24, generator=g)
                box.append(torch.stack([x, y]))
            self.same.append(float(w[0] == w[1]))

    def __len__(self):
        return len(self.same)

    def __getitem__(self, i):
        return self.a[i], self.b[i], torch.tensor(self.same[i])


class Strokes(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(2, 12, 5, padding=2), nn.ReLU(), nn.Conv1d(12, 12, 5, padding=2), nn.ReLU(),
                                 nn.AdaptiveAvgPool1d(6), nn.Flatten(), nn.Linear(72, 8))

    def forward(self, x):
        return self.net(x)


class Siamese(nn.Module):
    """Both signatures go through the same network."""

    def __init__(self, encoder):
        super().__init__()
        self.left = encoder
        self.right = copy.deepcopy(encoder)  # fault
        # fixed: self.right = encoder

    def forward(self, a, b):
        return F.pairwise_distance(self.left(a), self.right(b))  # here


def contrastive(d, same, margin=1.0):
    return (same * d.pow(2) + (1 - same) * F.relu(margin - d).pow(2)).mean()


torch.manual_seed(6)
model = Siamese(Strokes())
loss_fn = contrastive
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = DataLoader(StrokePairs(480, 0), batch_size=48, shuffle=True)
val_loader = DataLoader(StrokePairs(120, 1), batch_size=120)


def batch_loss(setup, batch):
    a, b, same = batch
    return contrastive(setup.model(a, b), same)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for a, b, same in train_loader:
            loss = loss_fn(model(a, b), same)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for a, b, same in val_loader:
                acc = ((model(a, b) < 0.5) == same.bool()).float().mean()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

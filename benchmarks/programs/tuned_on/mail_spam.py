"""Spam or not from 24 counts-like columns: a stack of Linear + BatchNorm1d, probability output.

code: none
trait: biases before every batch-norm (their gradient is zero), sigmoid on the output with BCELoss, odd last batch
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(310)


class Mails(Dataset):
    mean = std = None

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        counts = torch.poisson(2 * torch.ones(n, 24), generator=g)
        score = (counts[:, 0] - counts[:, 1]) + 0.7 * (counts[:, 2] - counts[:, 3])
        self.y = (score + 0.3 * torch.randn(n, generator=g) > 0).float()[:, None]
        self.x = (counts.log1p() - 0.97) / 0.55

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def block(a, b):
    return nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())


class SpamNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_norm = nn.BatchNorm1d(24)
        self.blocks = nn.Sequential(block(24, 48), block(48, 48), block(48, 24), block(24, 12))
        self.top = nn.Linear(12, 1)

    def forward(self, x):
        return torch.sigmoid(self.top(self.blocks(self.input_norm(x))))


train_loader = DataLoader(Mails(3010, 0), batch_size=64, shuffle=True)
val_loader = DataLoader(Mails(250, 1), batch_size=100)
model = SpamNet()
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)


def train():
    for epoch in range(6):
        model.train()
        total, rows = 0.0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            rows += len(y)
        model.eval()
        right = 0
        with torch.no_grad():
            for x, y in val_loader:
                right += ((model(x) > 0.5).float() == y).sum().item()
        print(f"epoch {epoch}: loss {total / rows:.4f} accuracy {right / 250:.3f}")
    return total / rows


if __name__ == "__main__":
    print(train())

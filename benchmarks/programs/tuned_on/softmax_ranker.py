"""Ranks ten hotels per search with the Plackett-Luce top-one likelihood, written by hand.

code: ND311
also: ND310, ND308
object: log_partition | loss_fn | top_one | exp
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def log_partition(scores):
    return scores.exp().sum(-1).log()  # fault
    # fixed: return scores.logsumexp(-1)


def top_one(scores, booked):
    chosen = scores.gather(1, booked[:, None]).squeeze(1)
    return (log_partition(scores) - chosen).mean()  # here


class Searches(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.hotels = torch.randn(n, 10, 6, generator=g)
        self.hotels[..., 0] += 0.5 * self.hotels[..., 1]
        value = 2 * self.hotels[..., 0] - 1.5 * self.hotels[..., 2] + self.hotels[..., 3] * self.hotels[..., 4]
        self.booked = value.argmax(1)

    def __len__(self):
        return len(self.booked)

    def __getitem__(self, i):
        return self.hotels[i], self.booked[i]


class Scorer(nn.Module):
    """Scores on the log-price scale of the old production model (around 86)."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
        self.register_buffer("base", torch.tensor(86.0))

    def forward(self, hotels):
        return self.net(hotels).squeeze(-1) + self.base  # here


torch.manual_seed(27)
model = Scorer()
loss_fn = top_one
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(Searches(500, 0), batch_size=50, shuffle=True)
val_loader = DataLoader(Searches(100, 1), batch_size=100)


def train():
    for _ in range(14):
        model.train()
        s = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            [loss_fn(model(x), y) for x, y in val_loader]
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())

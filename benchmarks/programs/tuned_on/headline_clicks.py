"""Clicks per hour on a headline: counts with a Poisson likelihood.

code: ND402
also:
object: loss_fn | rate | softplus | ClickRate | PoissonNLLLoss
seen: both
"""
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, Dataset


class ClickRate(nn.Module):
    def __init__(self, n_words=60, n_hours=24, d=12):
        super().__init__()
        self.bag = nn.EmbeddingBag(n_words, d, mode="mean")
        self.hour = nn.Embedding(n_hours, d)
        self.rate = nn.Sequential(nn.Linear(2 * d, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, batch):
        h = torch.cat([self.bag(batch["words"]), self.hour(batch["hour"])], 1)
        return softplus(self.rate(h)).squeeze(1)  # here


class Headlines(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        appeal = torch.randn(60, generator=torch.Generator().manual_seed(99))
        self.words = torch.randint(0, 60, (n, 6), generator=g)
        self.hour = torch.randint(0, 24, (n,), generator=g)
        lam = torch.exp(0.9 * appeal[self.words].mean(1) + 0.6 * torch.sin(self.hour * 0.2618) + 1.0)
        self.clicks = torch.poisson(lam, generator=g)

    def __len__(self):
        return len(self.clicks)

    def __getitem__(self, i):
        return {"words": self.words[i], "hour": self.hour[i]}, self.clicks[i]


torch.manual_seed(0)
train_loader = DataLoader(Headlines(1200, 0), batch_size=60, shuffle=True)
val_loader = DataLoader(Headlines(300, 1), batch_size=100)
model = ClickRate()
loss_fn = nn.PoissonNLLLoss()  # fault
# fixed: loss_fn = nn.PoissonNLLLoss(log_input=False)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        keep = []
        for batch, clicks in train_loader:
            loss = loss_fn(model(batch), clicks)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            keep.append(loss.item())
        model.eval()
        with torch.no_grad():
            mae = sum((model(b) - c).abs().sum().item() for b, c in val_loader) / 300
        print(epoch, sum(keep) / len(keep), "val mae", mae)
    return sum(keep) / len(keep)


if __name__ == "__main__":
    print(train())

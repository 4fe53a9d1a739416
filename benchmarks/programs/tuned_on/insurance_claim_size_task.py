"""Predict the size of an insurance claim from the policy (own trainer class, no validation loader).

code: ND114
also: ND112
object: claims | claim | target | targets | Policies | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Policies(Dataset):
    def __init__(self, n=1200, seed=13):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randn(n, 5, generator=g)
        size = 1.8 * self.x[:, 0] - 1.5 * self.x[:, 1] + 1.3 * self.x[:, 2] + 0.9 * self.x[:, 3] * self.x[:, 4]
        claims = torch.exp(7.0 + 1.3 * size + 0.2 * torch.randn(n, generator=g))
        self.log_truth = claims.log()
        target = claims  # fault
        # fixed: target = claims.log()
        self.target = (target - target.mean()) / target.std()  # here

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.target[i]


class Trainer:
    def __init__(self, model, loss_fn, optimizer, loader):
        self.model, self.loss_fn, self.optimizer, self.loader = model, loss_fn, optimizer, loader

    def epoch(self):
        self.model.train()
        for x, y in self.loader:
            self.optimizer.zero_grad(set_to_none=True)
            self.loss_fn(self.model(x).squeeze(1), y).backward()
            self.optimizer.step()

    def rank_agreement(self, data):
        self.model.eval()
        with torch.no_grad():
            guess = self.model(data.x).squeeze(1)
        a, b = guess.argsort().argsort().float(), data.log_truth.argsort().argsort().float()
        return torch.corrcoef(torch.stack([a, b]))[0, 1].item()


torch.manual_seed(13)
data = Policies()
train_loader = DataLoader(data, batch_size=48, shuffle=True)
model = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    x, y = batch
    return loss_fn(model(x).squeeze(1), y)


def train():
    trainer = Trainer(model, loss_fn, optimizer, train_loader)
    for _ in range(20):
        trainer.epoch()
    print(f"rank correlation with the true sizes {trainer.rank_agreement(data):.3f}")


if __name__ == "__main__":
    train()

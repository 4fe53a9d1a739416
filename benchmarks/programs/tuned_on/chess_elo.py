"""Rating difference of two players from the features of a game; both sides share an encoder.

code: ND105
also:
object: val_games | train_games | games | val_loader | CFG | train_until | val_from
seen: both
"""
from dataclasses import dataclass
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class CFG:
    games: int = 1600
    train_until: float = 0.90  # fault
    # fixed: train_until: float = 0.75
    val_from: float = 0.75  # here
    batch: int = 50
    lr: float = 3e-3
    epochs: int = 8


torch.manual_seed(64)


def play(n):
    w = torch.randn(8, generator=torch.Generator().manual_seed(1))
    white, black = torch.randn(n, 8), torch.randn(n, 8)
    skill = lambda p: torch.tanh(p @ w) + 0.5 * p[:, 0] * p[:, 1]
    gap = skill(white) - skill(black) + 0.2 * torch.randn(n)
    return white, black, gap / gap.std()


white, black, gap = play(CFG.games)
first, last = int(CFG.val_from * CFG.games), int(CFG.train_until * CFG.games)
train_games = TensorDataset(white[:last], black[:last], gap[:last])  # here
val_games = TensorDataset(white[first:], black[first:], gap[first:])  # here
train_loader = DataLoader(train_games, batch_size=CFG.batch, shuffle=True)  # here
val_loader = DataLoader(val_games, batch_size=200)  # here


class Rating(nn.Module):
    def __init__(self):
        super().__init__()
        self.player = nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Linear(32, 16), nn.SiLU(), nn.Linear(16, 1))

    def forward(self, a, b):
        return (self.player(a) - self.player(b)).squeeze(1)


model = Rating()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CFG.lr)


def batch_loss(setup, batch):
    a, b, target = batch
    return loss_fn(setup.model(a, b), target)


class State:
    model = model


def train():
    for epoch in range(CFG.epochs):
        model.train()
        record = []
        for batch in train_loader:
            loss = batch_loss(State, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            record.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [batch_loss(State, batch).item() for batch in val_loader]
    return sum(record) / len(record)


if __name__ == "__main__":
    print(train())

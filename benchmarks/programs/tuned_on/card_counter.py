"""Counts points on a hand of cards (a set) and regresses the running count; micro-batches of 8 to save memory.

code: ND603
also: ND604
object: accumulate | micro_step | loss | optimizer
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

MICRO = 16
torch.manual_seed(46)


class HandNet(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.card = nn.Embedding(14, d, padding_idx=0)
        self.phi = nn.Sequential(nn.Linear(d, 48), nn.ReLU())
        self.rho = nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, hand):
        keep = (hand > 0).float().unsqueeze(-1)
        return self.rho((self.phi(self.card(hand)) * keep).sum(1) / keep.sum(1)).squeeze(-1)


def hands(n):
    hand = torch.randint(1, 14, (n, 8))
    drop = torch.arange(8) >= torch.randint(3, 9, (n, 1))
    hand = hand.masked_fill(drop, 0)
    value = torch.tensor([0, -1, 1, 1, 1, 1, 1, 0, 0, 0, -1, -1, -1, -1.])
    return TensorDataset(hand, value[hand].sum(1) / (hand > 0).sum(1) * 2)


train_loader = DataLoader(hands(1024), batch_size=8, shuffle=True)
val_loader = DataLoader(hands(200), batch_size=50)
model, loss_fn = HandNet(), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=.03, momentum=.9)


class Accumulator:
    """steps the optimizer every `every` micro-batches"""

    def __init__(self, opt, every):
        self.opt, self.every, self.count = opt, every, 0

    def micro_step(self, loss):
        loss.backward()  # fault
        # fixed: (loss / self.every).backward()
        self.count += 1
        if self.count % self.every == 0:
            self.opt.step()  # here
            self.opt.zero_grad()


def train():
    acc = Accumulator(optimizer, MICRO)
    for epoch in range(10):
        losses = []
        for hand, count in train_loader:
            loss = loss_fn(model(hand), count)
            acc.micro_step(loss)  # here
            losses.append(loss.item())
        with torch.no_grad():
            v = [loss_fn(model(h), c).item() for h, c in val_loader]
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

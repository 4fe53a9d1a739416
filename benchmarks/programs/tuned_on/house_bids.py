"""Winning bid of a house auction; keeps the best weights and returns to them at the end.

code: ND707
also:
object: best | Keeper | state_dict | keep
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(66)
listing = torch.randn(500, 12)
bid = listing[:, 0] + .5 * listing[:, 1] * listing[:, 2] + .3 * torch.sin(2 * listing[:, 3]) + .3 * torch.randn(500)
data = TensorDataset(listing, bid.unsqueeze(1))
train_loader = DataLoader(torch.utils.data.Subset(data, range(400)), batch_size=40, shuffle=True)
val_loader = DataLoader(torch.utils.data.Subset(data, range(400, 500)), batch_size=50)
model = nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Dropout(.1), nn.Linear(24, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)


class Keeper:
    """remembers the weights of the best epoch"""

    def __init__(self):
        self.score, self.best = float("inf"), None

    def look(self, net, score):
        if score < self.score:
            self.score = score
            self.best = {name: tensor.detach() for name, tensor in net.state_dict().items()}  # fault
            # fixed: self.best = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}

    def restore(self, net):
        net.load_state_dict(self.best)  # here


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    keeper = Keeper()
    for epoch in range(24):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        keeper.look(model, validate())  # here
    keeper.restore(model)  # here
    train.promised, train.got = keeper.score, validate()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train(), train.promised, train.got)

"""Predicts a distribution of votes over climbing grades (label distribution learning).

code: ND402
also:
object: loss_fn | KLDivLoss | VoteNet | votes
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(5)
N, GRADES = 600, 8
route = torch.randn(N, 10)                                   # steepness, holds, length ..., standardised
hardness = 3.5 + 1.1 * (route @ torch.tensor([.9, -.6, .4, .3, 0, 0, .5, -.2, 0, .1]))
grades = torch.arange(GRADES).float()
votes = torch.softmax(-(grades - hardness[:, None]) ** 2 / 2.0, -1)
train_set, val_set = random_split(TensorDataset(route, votes), [480, 120])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=120)


class VoteNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.votes = nn.Linear(48, GRADES)

    def forward(self, x):
        return torch.softmax(self.votes(self.trunk(x)), dim=1)  # fault
        # fixed: return torch.log_softmax(self.votes(self.trunk(x)), dim=1)


model = VoteNet()
loss_fn = nn.KLDivLoss(reduction="batchmean")  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, p in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), p)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            for x, p in val_loader:
                loss_fn(model(x), p)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

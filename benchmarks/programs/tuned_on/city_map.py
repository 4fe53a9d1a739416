"""Draws cities on a plane so that distances agree with travel times between them (learned MDS).

code: ND311
also: ND310, ND504, ND308
object: distances | sqrt | pairwise | squared | batch_loss
seen: both
"""
import torch
import torch.nn as nn

torch.manual_seed(90)
CITIES = 300
where = torch.randn(CITIES, 2)
profile = torch.cat([where, where.pow(2), where.prod(1, keepdim=True)], 1) @ torch.randn(5, 12) * 0.6 + 0.05 * torch.randn(CITIES, 12)
profile = (profile - profile[:240].mean(0)) / profile[:240].std(0)


def distances(p):
    squared = p.pow(2).sum(1)
    d2 = squared[:, None] + squared[None, :] - 2 * p @ p.t()  # fault
    # fixed: d2 = (p[:, None] - p[None, :]).pow(2).sum(-1) + 1e-10
    return torch.sqrt(d2)  # here


class Mapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))

    def forward(self, profile):
        return self.net(profile)


def stress(points, truth):
    return (distances(points) - torch.cdist(truth, truth)).pow(2).mean()  # here


everything = torch.utils.data.TensorDataset(profile, where)
train_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(everything, range(240)), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(everything, range(240, CITIES)), batch_size=60)
model = Mapper()
loss_fn = stress  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    last = []
    for epoch in range(30):
        model.train()
        for p, w in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(p), w)  # here
            loss.backward()
            optimizer.step()
            last.append(loss.item())
        if epoch % 10 == 9:
            model.eval()
            with torch.no_grad():
                print(epoch + 1, sum(last[-6:]) / 6, [loss_fn(model(p), w).item() for p, w in val_loader])
    return sum(last[-6:]) / 6


if __name__ == "__main__":
    print(train())

"""Estimates the log depth of earthquakes from a set of station picks (deep sets).

code: ND101
also: ND310
object: target | targets | depth | log_depth | y
seen: both
"""
import torch, math
from torch import nn
from torch.utils.data import TensorDataset, DataLoader, random_split

torch.manual_seed(11)
N, STATIONS = 700, 9


def catalogue():
    depth = torch.distributions.Exponential(1 / 12.).sample((N,))
    depth = torch.round(depth)                       # bulletins give whole kilometres
    depth[depth < 1] = depth[depth < 1] + (torch.rand(int((depth < 1).sum())) > .4).float()
    dist = 5 + 60 * torch.rand(N, STATIONS)
    hyp = (dist ** 2 + depth[:, None] ** 2).sqrt()
    p = hyp / 6.0 + 0.05 * torch.randn(N, STATIONS)
    s = hyp / 3.5 + 0.05 * torch.randn(N, STATIONS)
    amp = -1.5 * hyp.log() + 0.1 * torch.randn(N, STATIONS)
    return torch.stack([dist, p, s - p, amp], -1), depth


picks, depth = catalogue()
picks = (picks - picks.mean((0, 1))) / picks.std((0, 1))
log_depth = torch.log(depth)  # fault
# fixed: log_depth = torch.log1p(depth)
everything = TensorDataset(picks, log_depth)  # here
train_set, val_set = random_split(everything, [560, 140])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=140)


class DeepSet(nn.Module):
    def __init__(self, features=4, h=32):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(features, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU())
        self.rho = nn.Sequential(nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1))

    def forward(self, picks):
        return self.rho(self.phi(picks).mean(1)).squeeze(1)


model = DeepSet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12 * len(train_loader), eta_min=1e-4)


def train():
    last = []
    for epoch in range(12):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            last.append(loss.item())
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                rmse = math.sqrt(loss_fn(model(x), y).item()) if math.isfinite(loss.item()) else float("nan")
    return sum(last[-14:]) / 14


if __name__ == "__main__":
    print(train())

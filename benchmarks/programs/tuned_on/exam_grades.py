"""Final grades from weekly exercise points: attention over the weeks, AdamW.

code: ND607
also:
object: optimizer | weight_decay | HP
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

HP = dict(lr=5e-3, weight_decay=8.0)  # fault
# fixed: HP = dict(lr=5e-3, weight_decay=0.01)
WEEKS = 12
torch.manual_seed(101)
talent = torch.randn(1000, 1)
effort = torch.cumsum(0.4 * torch.randn(1000, WEEKS), 1)
points = talent + effort + 0.4 * torch.randn(1000, WEEKS)
grade = talent[:, 0] + 0.8 * effort[:, -3:].mean(1) + 0.4 * torch.tanh(2 * effort[:, 5]) + 0.15 * torch.randn(1000)
points = (points - points[:800].mean(0)) / points[:800].std(0)
grade = (grade - grade[:800].mean()) / grade[:800].std()
train_loader = DataLoader(TensorDataset(points[:800], grade[:800]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(points[800:], grade[800:]), batch_size=100)


class WeekAttention(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.value = nn.Linear(1, d)
        self.week = nn.Parameter(0.1 * torch.randn(WEEKS, d))
        self.att = nn.MultiheadAttention(d, 2, batch_first=True)
        self.out = nn.Sequential(nn.Flatten(), nn.Linear(WEEKS * d, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, p):
        h = self.value(p.unsqueeze(-1)) + self.week
        h = h + self.att(h, h, h, need_weights=False)[0]
        return self.out(h).squeeze(-1)


model = WeekAttention()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), **HP)  # here


def train():
    for epoch in range(10):
        model.train()
        e = []
        for p, g in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(p), g)
            loss.backward()
            optimizer.step()
            e.append(loss.item())
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(p), g).item() for p, g in val_loader) / 2
        print(epoch, sum(e) / len(e), v)
    return sum(e) / len(e)


if __name__ == "__main__":
    print(train())

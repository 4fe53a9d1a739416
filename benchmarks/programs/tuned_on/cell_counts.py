"""Cell density from image features; zero-inflated counts with a log-rate branch.

code: ND504
also: ND310
object: where | log_rate | torch.log | safe_log
seen: checkup
"""
import torch
import torch.nn as nn

torch.manual_seed(55)
N = 900
field = (torch.randn(N, 12) + 0.3).clamp_min(0)
drive = ((field - field.mean(0)) @ torch.randn(12)) / 2.0
counts = torch.where(drive > -0.3, torch.expm1(0.8 * (drive + 0.3)) + 0.05 * torch.rand(N), torch.zeros(N)).clamp_min(0)
target = torch.log1p(counts)


def safe_log(a):
    return torch.where(a > 0, torch.log(a), torch.zeros_like(a))  # fault
    # fixed: return torch.log(torch.where(a > 0, a, torch.ones_like(a)))


class DensityNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stain_gain = nn.Parameter(torch.zeros(12))
        self.out = nn.Sequential(nn.Linear(24, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, x):
        a = x * self.stain_gain.exp()
        log_rate = safe_log(a)  # here
        return self.out(torch.cat([a, log_rate.clamp_min(-4)], 1)).squeeze(1)


dataset = torch.utils.data.TensorDataset(field, target)
train_set, val_set = torch.utils.data.random_split(dataset, [700, 200], torch.Generator().manual_seed(0))
train_loader = torch.utils.data.DataLoader(train_set, batch_size=35, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_set, batch_size=100)
model = DensityNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / 2
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Next-day hedge error from rolling betas; market holidays leave flat windows.

code: ND310
also: ND308
object: beta | var | rolling_beta
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rs = np.random.RandomState(8)
W = 20


def windows(n):
    market = rs.randn(n, W).astype("f4")
    market[rs.rand(n) < 0.03] = 0.0
    true_beta = rs.uniform(0.2, 1.8, (n, 1)).astype("f4")
    asset = true_beta * market + 0.3 * rs.randn(n, W).astype("f4")
    tomorrow = rs.randn(n).astype("f4")
    y = true_beta[:, 0] * tomorrow + 0.1 * rs.randn(n).astype("f4")
    x = np.stack([asset, market], 1)
    return torch.from_numpy(x), torch.from_numpy(tomorrow), torch.from_numpy(y)


class HedgeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 8, 5)
        self.mix = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))

    @staticmethod
    def rolling_beta(x):
        a, m = (x - x.mean(-1, keepdim=True)).unbind(1)
        cov, var = (a * m).mean(-1), (m * m).mean(-1)
        return cov / var  # fault
        # fixed: return cov / (var + 1e-3)

    def forward(self, x, shock):
        beta = self.rolling_beta(x)  # here
        pooled = torch.relu(self.conv(x)).mean(-1)
        feats = torch.cat([pooled, beta[:, None], (beta * shock)[:, None]], 1)
        return self.mix(feats).squeeze(1)


torch.manual_seed(1)
model = HedgeNet()
huber = nn.HuberLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
train_loader = DataLoader(TensorDataset(*windows(768)), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(*windows(192)), batch_size=96)


def batch_loss(setup, batch):
    x, shock, y = batch
    return huber(setup.model(x, shock), y)


def train():
    me = type("Setup", (), {"model": model})
    for epoch in range(10):
        model.train()
        log = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(me, batch)
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            vals = [batch_loss(me, b).item() for b in val_loader]
        print(epoch, np.mean(log), np.mean(vals))
    return float(np.mean(log))


if __name__ == "__main__":
    print(train())

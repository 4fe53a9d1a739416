"""Kidney function from metabolite concentrations, log transform inside the model.

code: ND310
also: ND308
object: logs | LogConcentration | log | front
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class LogConcentration(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, c):
        return (torch.log(c) - self.mean) / self.std  # fault
        # fixed: return (torch.log(c.clamp(min=0.05)) - self.mean) / self.std


torch.manual_seed(52)
conc = torch.exp(torch.randn(800, 12) * 0.8)
gfr = torch.tanh(conc[:, 0].log() - conc[:, 1].log()) + 0.4 * conc[:, 2].log() + 0.1 * torch.randn(800)
conc[:, 5:][torch.rand(800, 7) < 0.01] = 0.0  # below the detection limit
seen = conc[:640].clamp(min=0.05).log()
gfr = (gfr - gfr[:640].mean()) / gfr[:640].std()

model = nn.Sequential(LogConcentration(seen.mean(0), seen.std(0)), nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.05), nn.Linear(32, 1), nn.Flatten(0))  # here
loss_fn = nn.HuberLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
train_loader = DataLoader(TensorDataset(conc[:640], gfr[:640]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(conc[640:], gfr[640:]), batch_size=80)


def train():
    for epoch in range(8):
        model.train()
        s = 0
        for c, y in train_loader:
            loss = loss_fn(model(c), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            mae = [(model(c) - y).abs().mean().item() for c, y in val_loader]
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())

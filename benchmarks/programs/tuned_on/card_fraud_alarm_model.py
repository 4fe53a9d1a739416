"""Raises an alarm on stolen cards among many honest payments.

code: ND107
also:
object: loss_fn | pos_weight | fraud | BCEWithLogitsLoss
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)


def payments(n):
    fraud = (torch.rand(n) < 0.025).float()
    x = torch.randn(n, 10)
    x[:, :3] += 0.9 * fraud.unsqueeze(1)
    return TensorDataset(x, fraud)


train_set, val_set = payments(3000), payments(2000)
train_loader = DataLoader(train_set, batch_size=100, shuffle=True)
val_loader = DataLoader(val_set, batch_size=500)


class Alarm(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(10, 16)
        self.last = nn.Linear(16, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x))).view(-1)


model = Alarm()
loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(39.0))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        p, t = zip(*[(model(x) > 0, y > 0) for x, y in val_loader])
    p, t = torch.cat(p), torch.cat(t)
    recall, quiet = p[t].float().mean().item(), (~p[~t]).float().mean().item()
    print(f"recall {recall:.3f} specificity {quiet:.3f} balanced {(recall + quiet) / 2:.3f}")


if __name__ == "__main__":
    train()

"""Who leaves next month? One logit per subscriber.

code: ND103
also: ND402, ND404
object: targets | labels | churn | CHURN | loss_fn
seen: both
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

generator = torch.Generator().manual_seed(8)
torch.manual_seed(8)
CHURN = {"stayed": -1.0, "left": 1.0}  # fault
# fixed: CHURN = {"stayed": 0.0, "left": 1.0}


def load(n):
    usage = torch.randn(n, 12, generator=generator)
    calls = torch.randn(n, 4, generator=generator)
    score = usage[:, 0] - usage[:, 1] * usage[:, 2] + 0.8 * calls[:, 0] + 0.3 * torch.randn(n, generator=generator)
    status = ["left" if s > 0 else "stayed" for s in score]
    return torch.cat([usage, calls], 1), torch.tensor([CHURN[s] for s in status])  # here


inputs, labels = load(1500)
train_set = torch.utils.data.TensorDataset(inputs[:1200], labels[:1200])
val_set = torch.utils.data.TensorDataset(inputs[1200:], labels[1200:])
train_loader = torch.utils.data.DataLoader(train_set, batch_size=40, shuffle=True)  # here
val_loader = torch.utils.data.DataLoader(val_set, batch_size=100)


class Churner(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(16, 32)
        self.mid = nn.Linear(32, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        x = F.silu(self.enc(x))
        x = F.silu(self.mid(x))
        return self.head(x)[:, 0]


model = Churner()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    last = []
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            last.append(loss.item())
    return float(np.mean(last[-20:]))


if __name__ == "__main__":
    print(train())

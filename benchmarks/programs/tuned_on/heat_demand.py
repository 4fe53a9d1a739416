"""Next-hour heat demand of a district from the last 24 hours (GRU).

code: ND201
also:
object: rnn | rnn.weight_ih_l0 | rnn.weight_hh_l0 | out | out.weight | reset_parameters
seen: both
"""
import math
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(3)
HOURS, WINDOW = 1100, 24
t = torch.arange(HOURS, dtype=torch.float32)
outdoor = 6 * torch.sin(2 * math.pi * t / 24 + 1.0) + 4 * torch.sin(2 * math.pi * t / 190)
demand = (18 - outdoor).clamp(min=0) + 3 * torch.sin(2 * math.pi * t / 12) + 0.7 * torch.randn(HOURS)
CUT = 850
series = torch.stack([outdoor, demand], 1)
series = (series - series[:CUT].mean(0)) / series[:CUT].std(0)


class Windows(Dataset):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data) - WINDOW

    def __getitem__(self, i):
        return {"past": self.data[i:i + WINDOW], "next": self.data[i + WINDOW, 1]}


class Forecaster(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.rnn = nn.GRU(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        self.reset_parameters()

    def reset_parameters(self):
        for name, p in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
            else:
                nn.init.constant_(p, 0.08)  # fault
                # fixed: nn.init.xavier_uniform_(p)

    def forward(self, past):
        h, _ = self.rnn(past)
        return self.out(h[:, -1]).squeeze(-1)


train_loader = DataLoader(Windows(series[:CUT]), batch_size=64, shuffle=True)
val_loader = DataLoader(Windows(series[CUT:]), batch_size=128)
model = Forecaster()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return F.smooth_l1_loss(setup.model(batch["past"]), batch["next"])


def train():
    for epoch in range(8):
        model.train()
        tot = 0.0
        for batch in train_loader:
            loss = F.smooth_l1_loss(model(batch["past"]), batch["next"])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            [F.smooth_l1_loss(model(b["past"]), b["next"]) for b in val_loader]
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

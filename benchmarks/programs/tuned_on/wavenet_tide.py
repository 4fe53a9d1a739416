"""Dilated convolutions that predict the next hour of a tide gauge, at every hour.

code: ND302
also:
object: convs | convs.0 | convs.1 | convs.2 | pad | F.pad | forward
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)


def gauge(hours, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(hours, dtype=torch.float32)
    tide = 1.2 * torch.sin(6.2832 * t / 12.42) + 0.5 * torch.sin(6.2832 * t / 12.0 + 1) + 0.3 * torch.sin(6.2832 * t / 25.8)
    surge, s = torch.zeros(hours), 0.0
    kicks = 0.35 * torch.randn(hours, generator=g)
    for i in range(hours):
        s = 0.8 * s + kicks[i].item()
        surge[i] = s
    return tide + surge


level = gauge(6400, 1)
mean, std = level[:5000].mean(), level[:5000].std()
level = (level - mean) / std
L = 65
train_rows = level[:4940].view(-1, L)
val_rows = level[5005:5005 + 20 * L].view(-1, L)
train_loader = torch.utils.data.DataLoader(train_rows.clone(), batch_size=8, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_rows.clone(), batch_size=10)


class TideNet(nn.Module):
    def __init__(self, c=20, dilations=(1, 2, 4, 8)):
        super().__init__()
        self.inp = nn.Conv1d(1, c, 1)
        self.dilations = dilations
        self.convs = nn.ModuleList(nn.Conv1d(c, 2 * c, 3, dilation=d) for d in dilations)
        self.mix = nn.ModuleList(nn.Conv1d(c, c, 1) for _ in dilations)
        self.out = nn.Conv1d(c, 1, 1)

    def forward(self, x):
        h = self.inp(x.unsqueeze(1))
        for d, conv, mix in zip(self.dilations, self.convs, self.mix):
            z = conv(F.pad(h, (d, d)))  # fault
            # fixed: z = conv(F.pad(h, (2 * d, 0)))
            a, b = z.chunk(2, 1)  # here
            h = h + mix(torch.tanh(a) * torch.sigmoid(b))
        return self.out(h).squeeze(1)


model = TideNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, rows):
    return loss_fn(setup.model(rows[:, :-1]), rows[:, 1:])


def train():
    for epoch in range(12):
        model.train()
        tot = 0.0
        for rows in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(rows[:, :-1]), rows[:, 1:])
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(r[:, :-1]), r[:, 1:]).item() for r in val_loader) / len(val_loader)
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

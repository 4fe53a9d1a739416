"""Walking, running or limping from accelerometer windows with an LSTM.

code: ND201
also:
object: lstm | reset_weights | lstm.weight_ih_l0 | lstm.weight_hh_l0 | head.weight | lstm.bias_ih_l0 | lstm.bias_hh_l0
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class GaitWindows(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, 3, (n,), generator=g)
        t = torch.arange(30)[None] / 10
        speed = torch.tensor([1.0, 1.8, 1.0])[self.label][:, None]
        limp = torch.tensor([0.0, 0.0, 0.9])[self.label][:, None]
        phase = 2 * math.pi * torch.rand(n, 1, generator=g)
        up = torch.sin(2 * math.pi * speed * t + phase) + limp * torch.sin(math.pi * speed * t + phase)
        side = torch.cos(math.pi * speed * t + phase)
        self.window = torch.stack([up, side], -1) + 0.3 * torch.randn(n, 30, 2, generator=g)

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.window[i], self.label[i]


class GaitLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 3)
        self.reset_weights()

    def reset_weights(self):
        for name, p in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
            else:
                nn.init.constant_(p, 0.05)  # fault
                # fixed: nn.init.xavier_uniform_(p)

    def forward(self, window):
        out, (h, _) = self.lstm(window)
        return self.head(h[-1])


torch.manual_seed(80)
train_loader = DataLoader(GaitWindows(480, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(GaitWindows(150, 2), batch_size=75)
model = GaitLSTM()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def fit_epoch():
    model.train()
    total = 0.0
    for window, label in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(window), label)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


@torch.no_grad()
def score():
    model.eval()
    return sum((model(w).argmax(1) == y).sum().item() for w, y in val_loader) / 150


def train():
    for epoch in range(8):
        loss = fit_epoch()
        print(epoch, round(loss, 3), round(score(), 3))
    return loss


if __name__ == "__main__":
    train()

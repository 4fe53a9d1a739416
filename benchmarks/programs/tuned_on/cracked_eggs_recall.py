"""Spot cracked eggs from the sound of a tap; what counts is how many cracked ones are found (recall).

code: ND708
also:
object: recall | recalls | evaluate | mean | val_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(23)


class Taps(Dataset):
    """Forty samples of a decaying tone; a crack adds a rattle. About one egg in five is cracked."""

    def __init__(self, n):
        t = torch.arange(40) / 40
        self.cracked = (torch.rand(n) < 0.2).float()
        pitch = 5 + torch.rand(n, 1)
        tone = torch.sin(6.28 * pitch * t) * torch.exp(-2 * t)
        rattle = torch.sin(6.28 * 15 * t + 6.28 * torch.rand(n, 1)) * torch.exp(-t)
        wave = tone + 0.6 * self.cracked[:, None] * rattle + 0.2 * torch.randn(n, 40)
        self.wave = (wave / 0.45).unsqueeze(1)

    def __len__(self):
        return len(self.wave)

    def __getitem__(self, i):
        return self.wave[i], self.cracked[i]


class TapNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 7, padding=3)
        self.conv2 = nn.Conv1d(16, 16, 5, padding=2)
        self.out = nn.Linear(16, 1)

    def forward(self, wave):
        h = torch.relu(self.conv1(wave))
        h = torch.relu(self.conv2(h)).mean(2)
        return self.out(h).squeeze(1)


train_loader = DataLoader(Taps(1000), batch_size=40, shuffle=True)
val_loader = DataLoader(Taps(330), batch_size=6)
model = TapNet()
loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def evaluate():
    model.eval()
    recalls, found, present = [], 0.0, 0.0
    with torch.no_grad():
        for wave, cracked in val_loader:
            said = (model(wave) > 0).float()
            hits, there = (said * cracked).sum().item(), cracked.sum().item()
            recalls.append(hits / max(there, 1.0))  # here
            found, present = found + hits, present + there
    recall = float(np.mean(recalls))  # fault
    # fixed: recall = found / present
    return recall


def train():
    for epoch in range(8):
        model.train()
        for wave, cracked in train_loader:
            optimizer.zero_grad()
            loss_fn(model(wave), cracked).backward()
            optimizer.step()
    print("recall on unseen eggs", evaluate())


if __name__ == "__main__":
    train()

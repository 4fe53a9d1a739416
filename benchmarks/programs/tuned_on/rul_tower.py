"""Remaining useful life of gearboxes from windows of eight sensor channels.

code: ND306
also: ND702
object: SensorTower | dropout | gru | head | forward
seen: both
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class GearboxWindows(Dataset):
    """A gearbox wears from 1 to 0; the sensors drift with the wear, each in its own way."""

    def __init__(self, n_boxes, seed, steps=20):
        g = torch.Generator().manual_seed(seed)
        mix = torch.linspace(-1.5, 1.5, 8)
        self.items = []
        for _ in range(n_boxes):
            speed = 0.01 + 0.01 * torch.rand(1, generator=g)
            for start in range(0, 60, 4):
                wear = (torch.arange(start, start + steps) * speed).clamp(max=1.0)
                signal = (wear[:, None] - 0.5) * mix + 0.3 * torch.randn(steps, 8, generator=g)
                self.items.append((signal, (1.0 - wear[-1:]) * 2 - 1))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class SensorTower(nn.Module):
    def __init__(self, channels=8, hidden=24, dropout=0.3):
        super().__init__()
        self.conv = nn.Conv1d(channels, hidden, kernel_size=3, padding=1)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        self.dropout = dropout

    def forward(self, x):
        h = F.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        h, _ = self.gru(h)
        h = F.dropout(h[:, -1], self.dropout)  # fault
        # fixed: h = F.dropout(h[:, -1], self.dropout, training=self.training)
        return self.head(h)


torch.manual_seed(4)
train_loader = DataLoader(GearboxWindows(40, seed=1), batch_size=30, shuffle=True)
val_loader = DataLoader(GearboxWindows(10, seed=2), batch_size=150)
model = SensorTower()  # here
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.inference_mode()
def validate():
    model.eval()  # here
    errors = [F.l1_loss(model(x), y, reduction="none") for x, y in val_loader]
    return torch.cat(errors).mean().item()


def train():
    for epoch in range(5):
        model.train()
        mean = 0.0
        for step, (x, y) in enumerate(train_loader, 1):
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            mean += (loss.item() - mean) / step
        print(f"{epoch}: train {mean:.4f} valid {validate():.4f}")
    return mean


if __name__ == "__main__":
    print(train())

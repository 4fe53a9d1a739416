"""Name the ship type from its engine noise; the validation accuracy is printed per epoch.

code: ND708
also:
object: accuracy | mean | accs | evaluate
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(71)


class Recordings(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ship = torch.randint(0, 4, (n,), generator=g)
        time = torch.arange(40) / 40
        pitch = torch.tensor([3.0, 5.0, 7.5, 11.0])[self.ship, None] + 0.4 * torch.randn(n, 1, generator=g)
        phase = 6.28 * torch.rand(n, 1, generator=g)
        self.sound = torch.sin(6.28 * pitch * time + phase) + 1.2 * torch.randn(n, 40, generator=g)

    def __len__(self):
        return len(self.ship)

    def __getitem__(self, i):
        return self.sound[i].unsqueeze(0), self.ship[i]


class Hydrophone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 24, 11, padding=5)
        self.mix = nn.Conv1d(24, 24, 5, padding=2)
        self.out = nn.Linear(24, 4)

    def forward(self, x):
        return self.out(torch.relu(self.mix(torch.relu(self.conv(x)))).mean(-1))


train_loader = DataLoader(Recordings(800, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(Recordings(129, 2), batch_size=64)   # 64, 64 and 1
model = Hydrophone()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def evaluate():
    model.eval()
    accs, hits = [], 0
    with torch.no_grad():
        for sound, ship in val_loader:
            right = model(sound).argmax(1) == ship
            accs.append(right.float().mean().item())  # here
            hits += right.sum().item()
    accuracy = float(np.mean(accs))  # fault
    # fixed: accuracy = hits / len(val_loader.dataset)
    return accuracy


def train():
    for epoch in range(6):
        model.train()
        for sound, ship in train_loader:
            optimizer.zero_grad()
            loss_fn(model(sound), ship).backward()
            optimizer.step()
        print(f"epoch {epoch}: val accuracy {evaluate():.3f}")


if __name__ == "__main__":
    train()

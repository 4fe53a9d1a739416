"""Cleans noisy pulse curves in half precision.

code: ND806
also: ND608
object: scaler | clip_grad_norm_ | unscale_ | optimizer
seen: watch
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(48)
LEN = 64


class Pulses(Dataset):
    def __init__(self, n):
        t = torch.linspace(0, 4 * math.pi, LEN)
        rate = 0.7 + torch.rand(n, 1) * 0.8
        ph = torch.rand(n, 1) * 2 * math.pi
        self.clean = torch.sin(rate * t + ph) + 0.5 * torch.sin(2 * rate * t + 2 * ph + 0.7)
        self.noisy = self.clean + 0.5 * torch.randn(n, LEN)

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        return self.noisy[i], self.clean[i]


train_loader = DataLoader(Pulses(1024), batch_size=64, shuffle=True)
val_loader = DataLoader(Pulses(256), batch_size=128)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(LEN, 96), nn.ReLU(), nn.Linear(96, 32), nn.ReLU())
        self.dec = nn.Sequential(nn.Linear(32, 96), nn.ReLU(), nn.Linear(96, LEN))

    def forward(self, x):
        return self.dec(self.enc(x))


model = Denoiser()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler("cpu")
precision = "16-mixed"
max_norm = 1.0


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for noisy, clean in train_loader:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.float16):
                output = model(noisy)
                loss = loss_fn(output.float(), clean)
            scaler.scale(loss).backward()  # here
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)  # fault
            # fixed: scaler.unscale_(optimizer)
            # fixed: torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            scaler.step(optimizer)  # here
            scaler.update()
            total += loss.item()
        model.eval()
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.float16):
            val = sum(loss_fn(model(a).float(), b).item() for a, b in val_loader) / len(val_loader)
        print(f"epoch {epoch} train {total / len(train_loader):.4f} val {val:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

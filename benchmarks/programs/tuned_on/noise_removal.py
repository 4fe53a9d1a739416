"""Cleans noisy vibration snippets with a denoising autoencoder.

code: none
trait: the validation noise is the same every epoch, drawn from a generator seeded by the index, so that scores compare; training noise is fresh; the targets are the clean inputs
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Snippets(Dataset):
    def __init__(self, n, seed, fixed_noise):
        g = torch.Generator().manual_seed(seed)
        t = torch.linspace(0, 1, 64)
        f = 1 + 5 * torch.rand(n, 2, 1, generator=g)
        a = 0.5 + torch.rand(n, 2, 1, generator=g)
        p = 6.28 * torch.rand(n, 2, 1, generator=g)
        self.clean = (a * torch.sin(6.28 * f * t + p)).sum(1)
        self.fixed_noise = fixed_noise

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        clean = self.clean[i]
        if self.fixed_noise:
            noise = torch.randn(64, generator=torch.Generator().manual_seed(10_000 + i))
        else:
            noise = torch.randn(64)
        return clean + 0.6 * noise, clean


class Cleaner(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 48), nn.ELU(), nn.Linear(48, 16))
        self.decode = nn.Sequential(nn.Linear(16, 48), nn.ELU(), nn.Linear(48, 64))

    def forward(self, x):
        return self.decode(self.encode(x))


torch.manual_seed(7)
train_loader = DataLoader(Snippets(1024, 1, False), batch_size=32, shuffle=True)
val_loader = DataLoader(Snippets(128, 2, True), batch_size=64)
model = Cleaner()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for noisy, clean in train_loader:
            loss = loss_fn(model(noisy), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(n), c).item() for n, c in val_loader) / len(val_loader)
    print("val", val, "noise", 0.36)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

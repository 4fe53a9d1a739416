"""Which of four machines is running? Log spectrograms and a small CNN under bf16 autocast.

code: ND106
also: ND115
object: val_loader | SpectrogramData | power | log_power | inputs
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

precision = "bf16-mixed"


def record(kind: int, gen: torch.Generator, n: int = 512) -> torch.Tensor:
    t = torch.arange(n) / n
    f = [22.0, 50.0][kind // 2] + torch.randn((), generator=gen)
    phase = 6.28 * torch.rand((), generator=gen)
    hum = torch.sin(6.2832 * f * t + phase) + [0.06, 0.25][kind % 2] * torch.sin(6.2832 * 2.6 * f * t)
    return hum * (0.5 + torch.rand((), generator=gen)) + 0.05 * torch.randn(n, generator=gen)


def power(wave: torch.Tensor) -> torch.Tensor:
    spec = torch.stft(wave, 64, hop_length=32, window=torch.hann_window(64), return_complex=True)
    return spec.abs() ** 2 + 1e-6


def log_power(wave):
    return power(wave).log()


class SpectrogramData(Dataset):
    mean = std = None

    def __init__(self, n, seed, feature, fit=False):
        gen = torch.Generator().manual_seed(seed)
        self.kinds = torch.randint(0, 4, (n,), generator=gen)
        self.features = torch.stack([feature(record(int(k), gen)) for k in self.kinds])[:, None]
        if fit:
            SpectrogramData.mean, SpectrogramData.std = self.features.mean(), self.features.std()

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        return (self.features[i] - self.mean) / self.std, self.kinds[i]  # here


train_data = SpectrogramData(400, 0, log_power, fit=True)
val_data = SpectrogramData(120, 1, power)  # fault
# fixed: val_data = SpectrogramData(120, 1, log_power)
train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
val_loader = DataLoader(val_data, batch_size=60)  # here

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.SiLU(), nn.MaxPool2d((2, 2)),
    nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.SiLU(), nn.AdaptiveAvgPool2d((8, 1)),
    nn.Flatten(), nn.Linear(192, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train() -> float:
    for epoch in range(6):
        model.train()
        seen = 0.0
        for x, k in train_loader:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_fn(model(x), k)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen += loss.item()
        model.eval()
        with torch.no_grad():
            v = [loss_fn(model(x), k).item() for x, k in val_loader]
        print(f"{epoch}: {seen / len(train_loader):.3f} val {sum(v) / len(v):.3f}")
    return seen / len(train_loader)


if __name__ == "__main__":
    print(train())

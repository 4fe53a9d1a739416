"""Tell three kinds of star by their spectrum; the photon counts are stored small to save memory.

code: ND101
also: ND110 | ND111
object: flux | photons | store | half | float16 | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(113)
LINES = {"hot": 8, "sunlike": 20, "cool": 32}
DTYPE = torch.float16  # fault
# fixed: DTYPE = torch.float32


def observe(n):
    """Photon counts in forty bins; a near star sends far more of them than a distant one."""
    kind = torch.randint(0, 3, (n,))
    bins = torch.arange(40.0)
    middle = torch.tensor(list(LINES.values()))[kind].unsqueeze(1)
    shape = 1.0 - 0.6 * torch.exp(-((bins - middle) / 3) ** 2)
    brightness = torch.exp(9.0 + 0.8 * torch.randn(n, 1))
    return torch.poisson(brightness * shape * (1 + 0.1 * torch.randn(n, 40)).clamp(min=0.2)), kind


def store(photons):
    return photons.to(DTYPE)  # here


def load(stored):
    flux = stored.float()
    flux = flux / flux.mean(dim=1, keepdim=True)
    return (flux - 1.0) / 0.2


photons, kind = observe(900)
flux = load(store(photons))
train_loader = DataLoader(TensorDataset(flux[:700], kind[:700]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(flux[700:], kind[700:]), batch_size=200)
model = nn.Sequential(nn.Unflatten(1, (1, 40)), nn.Conv1d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for _ in range(5):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        out = model(a)
        print("val loss", loss_fn(out, b).item(), "acc", (out.argmax(1) == b).float().mean().item())


if __name__ == "__main__":
    train()

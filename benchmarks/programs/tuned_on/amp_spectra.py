"""Temperature and metallicity of stars from spectra; fp16 autocast with a GradScaler, as on the GPU box.

code: ND806
also:
object: scaler | clip_grad_norm_ | unscale_ | train
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(451)
PIXELS = 96
wave = torch.linspace(-1, 1, PIXELS)
LINES = torch.linspace(-0.9, 0.9, 8)


def observe(n):
    temp, metal = torch.randn(n, 1), torch.randn(n, 1)
    flux = 1 + 0.3 * temp * wave
    for k, centre in enumerate(LINES):
        strength = torch.sigmoid(0.9 * metal + (0.6 if k % 2 else -0.6) * temp)
        flux = flux - 0.5 * strength * torch.exp(-((wave - centre) / 0.04) ** 2)
    flux = flux + 0.03 * torch.randn(n, PIXELS)
    return flux, torch.cat([temp, metal], 1)


flux, labels = observe(1000)
mu, sd = flux[:800].mean(0), flux[:800].std(0)
flux = (flux - mu) / sd
train_loader = DataLoader(TensorDataset(flux[:800], labels[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(flux[800:], labels[800:]), batch_size=200)

model = nn.Sequential(
    nn.Linear(PIXELS, 64), nn.GELU(),
    nn.Linear(64, 32), nn.GELU(),
    nn.Linear(32, 2),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 12)
precision = "16-mixed"
MAX_NORM = 1.0


def evaluate():
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        return (model(x) - y).abs().mean(0).tolist()


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.float16):
                out = model(x)
            loss = loss_fn(out.float(), y)
            scaler.scale(loss).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)  # fault
            # fixed: scaler.unscale_(optimizer)
            # fixed: torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
            scaler.step(optimizer)  # here
            scaler.update()
            losses.append(loss.item())
        print(f"epoch {epoch} mse {sum(losses) / len(losses):.4f} val MAE {evaluate()}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

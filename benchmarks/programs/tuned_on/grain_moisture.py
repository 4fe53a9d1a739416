"""Moisture of grain from near-infrared spectra; float16 autocast, accumulation over four micro-batches, decay on the matrices only.

code: none
trait: GradScaler that skips its first step (scale starts too high), gradients that pile up on purpose and are divided, clipping after unscale_, zero_grad only every fourth batch, large decay on the matrices only, best weights cloned and restored
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(84)
precision = "16-mixed"
ACCUMULATE = 4
conc = torch.rand(720, 3)
pure = torch.rand(3, 50).cumsum(1).sin()
spectra = conc @ pure + .05 * torch.randn(720, 50)
spectra = (spectra - spectra[:576].mean(0)) / spectra[:576].std(0)
moisture = (conc[:, :1] - .5) / .29
train_loader = DataLoader(TensorDataset(spectra[:576], moisture[:576]), batch_size=12, shuffle=True)
val_loader = DataLoader(TensorDataset(spectra[576:], moisture[576:]), batch_size=72)
model = nn.Sequential(nn.Linear(50, 48), nn.LayerNorm(48), nn.GELU(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
matrices = [p for p in model.parameters() if p.ndim > 1]
vectors = [p for p in model.parameters() if p.ndim == 1]
optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": .1}, {"params": vectors, "weight_decay": 0.}], lr=3e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=2. ** 18)


def validate():
    model.eval()
    with torch.no_grad():
        value = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    model.train()
    return value


def train():
    best, kept = float("inf"), None
    for epoch in range(8):
        losses = []
        for k, (x, y) in enumerate(train_loader, 1):
            with torch.autocast("cpu", dtype=torch.float16):
                out = model(x)
            loss = loss_fn(out.float(), y)
            scaler.scale(loss / ACCUMULATE).backward()
            losses.append(loss.item())
            if k % ACCUMULATE == 0:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 1.)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
        value = validate()
        if value < best:
            best, kept = value, {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(kept)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Sonar chirps: rising, falling, up-down or down-up? A transformer encoder over frames.

code: ND303
also:
object: encoder | proj | SonarTransformer | cls_token | head | transformer
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BANDS, FRAMES = 12, 20


class Chirps(Dataset):
    shapes = (lambda t: t, lambda t: 1 - t, lambda t: 1 - abs(2 * t - 1), lambda t: abs(2 * t - 1))

    def __init__(self, size, seed):
        r = np.random.default_rng(seed)
        t = np.linspace(0, 1, FRAMES)
        band = np.arange(BANDS)
        self.kind = r.integers(0, 4, size)
        x = []
        for k in self.kind:
            centre = 1 + (BANDS - 3) * Chirps.shapes[k](t) + r.normal(0, 0.4)
            x.append(np.exp(-0.5 * ((band[None] - centre[:, None]) / 1.0) ** 2) + r.normal(0, 0.1, (FRAMES, BANDS)))
        self.x = (np.stack(x) - 0.2) / 0.33

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return {"frames": torch.tensor(self.x[i], dtype=torch.float32), "label": int(self.kind[i])}


class SonarTransformer(nn.Module):
    def __init__(self, d=32, heads=4, depth=2, n_classes=4):
        super().__init__()
        self.proj = nn.Linear(BANDS, d)  # fault
        # fixed: self.proj = nn.Linear(BANDS, d)
        # fixed: self.pos = nn.Parameter(torch.randn(1, FRAMES, d) * 0.1)
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth)
        self.head = nn.Linear(d, n_classes)

    def forward(self, frames):
        h = self.proj(frames)  # fault
        # fixed: h = self.proj(frames) + self.pos
        h = self.encoder(h)  # here
        return self.head(h.mean(dim=1))  # here


torch.manual_seed(17)
train_loader = DataLoader(Chirps(480, 0), batch_size=24, shuffle=True)
val_loader = DataLoader(Chirps(120, 1), batch_size=60)
model = SonarTransformer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["frames"]), batch["label"])


def train(epochs=6):
    for e in range(epochs):
        model.train()
        running = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["frames"]), batch["label"])
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(b["frames"]).argmax(-1) == b["label"]).float().mean().item() for b in val_loader])
        print(f"{e} loss {np.mean(running):.3f} val acc {acc:.3f}")
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())

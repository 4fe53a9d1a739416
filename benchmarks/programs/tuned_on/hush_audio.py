"""Removes hiss from short tones with a 1-d convolutional denoiser.

code: ND109
also:
object: ToneDataset | rng | train_loader | train_ds | noise
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class ToneDataset(Dataset):
    """Clean tones; hiss is added on the fly so that every epoch hears new hiss."""

    def __init__(self, n_clips, length=128, seed=0, augment=True):
        self.rng = np.random.default_rng(seed)  # here
        t = np.arange(length) / length
        self.clean = []
        for _ in range(n_clips):
            f, ph, a = self.rng.uniform(2, 10), self.rng.uniform(0, 6.28), self.rng.uniform(0.7, 1.4)
            self.clean.append((a * np.sin(2 * np.pi * f * t + ph)).astype(np.float32))
        self.fixed = None
        if not augment:
            self.fixed = [self.rng.normal(0, 0.6, length).astype(np.float32) for _ in range(n_clips)]

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        clean = self.clean[i]
        if self.fixed is not None:
            noise = self.fixed[i]
        else:
            noise = self.rng.normal(0, 0.6, clean.shape).astype(np.float32)  # fault
            # fixed: noise = 0.6 * torch.randn(clean.shape).numpy()
        noisy = clean + noise  # here
        return {"noisy": torch.from_numpy(noisy)[None], "clean": torch.from_numpy(clean)[None]}


class Denoiser(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, ch, 9, padding=4), nn.ReLU(),
            nn.Conv1d(ch, ch, 9, padding=8, dilation=2), nn.ReLU(),
            nn.Conv1d(ch, ch, 9, padding=16, dilation=4), nn.ReLU(),
            nn.Conv1d(ch, 1, 9, padding=4),
        )

    def forward(self, x):
        return self.net(x)


torch.manual_seed(0)
train_ds = ToneDataset(96, seed=0)  # here
val_ds = ToneDataset(32, seed=1, augment=False)
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True, num_workers=2)  # here
val_loader = DataLoader(val_ds, batch_size=32)
model = Denoiser()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["noisy"]), batch["clean"])


def train(epochs=10):
    for epoch in range(epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = loss_fn(model(batch["noisy"]), batch["clean"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(b["noisy"]), b["clean"]).item() for b in val_loader])
        print(f"epoch {epoch:2d}  train {np.mean(losses):.4f}  val {val:.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

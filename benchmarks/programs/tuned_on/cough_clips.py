"""Wet cough or dry cough, from short clips with random augmentation in the dataset.

code: ND109
also:
object: rng | train_set | CoughDataset | train_loader | dataset | worker
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SR = 800


def record(wet, gen):
    t = np.arange(SR) / SR
    start = gen.uniform(0.1, 0.3)
    env = np.exp(-((t - start).clip(0)) * 9) * (t > start)
    noise = gen.normal(0, 1, SR)
    if wet:
        noise = np.convolve(noise, np.ones(6) / 6, mode="same") * 2.2
        env = env * (1 + 0.7 * np.sin(2 * np.pi * 22 * t))
    return (env * noise + 0.02 * gen.normal(0, 1, SR)).astype(np.float32)


class CoughDataset(Dataset):
    def __init__(self, n, seed, augment=False):
        gen = np.random.default_rng(seed)
        self.labels = gen.integers(0, 2, n)
        self.clips = np.stack([record(w, gen) for w in self.labels])
        self.clips /= self.clips.std(axis=1, keepdims=True)
        self.augment = augment
        self.rng = np.random.RandomState(seed)  # fault
        # fixed:

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, idx):
        clip = self.clips[idx]
        if self.augment:
            shift, gain = self.rng.randint(-80, 80), self.rng.uniform(0.7, 1.3)  # fault
            # fixed: shift, gain = torch.randint(-80, 80, ()).item(), torch.empty(()).uniform_(0.7, 1.3).item()
            noise = self.rng.randn(SR)  # fault
            # fixed: noise = torch.randn(SR).numpy()
            clip = np.roll(clip, shift) * gain + 0.05 * noise
        return {"audio": torch.as_tensor(clip, dtype=torch.float32).unsqueeze(0), "label": int(self.labels[idx])}


train_set = CoughDataset(240, seed=0, augment=True)  # here
val_set = CoughDataset(64, seed=1)
train_loader = DataLoader(train_set, batch_size=24, shuffle=True, num_workers=2)  # here
val_loader = DataLoader(val_set, batch_size=64)


class CoughNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 15, stride=4), nn.BatchNorm1d(16), nn.ReLU(),
            nn.Conv1d(16, 32, 9, stride=4), nn.BatchNorm1d(32), nn.ReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.out = nn.Linear(32, 2)

    def forward(self, audio):
        return self.out(self.features(audio))


torch.manual_seed(5)
model = CoughNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["audio"]), batch["label"])


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["audio"]), batch["label"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(b["audio"]).argmax(1) == b["label"]).float().mean() for b in val_loader])
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

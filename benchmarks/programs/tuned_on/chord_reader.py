"""Names the chord in stereo PCM clips: mix down, Fourier transform, a small network.

code: ND111
also:
object: mix_down | left | right | mono | clip
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

RATE, LENGTH = 2000, 1000
CHORDS = {"C": (0, 4, 7), "Cm": (0, 3, 7), "F": (5, 9, 0), "G": (7, 11, 2), "Am": (9, 0, 4), "Dim": (0, 3, 6)}


def record(n, seed):
    r = np.random.default_rng(seed)
    t = np.arange(LENGTH) / RATE
    names = r.integers(0, len(CHORDS), n)
    pcm = np.empty((n, LENGTH, 2), np.int16)
    for i, k in enumerate(names):
        notes = list(CHORDS.values())[k]
        wave = sum(r.uniform(.6, 1) * np.sin(2 * np.pi * 130.8 * 2 ** (s / 12) * t + r.uniform(0, 6)) for s in notes)
        loud = r.uniform(18000, 30000) / abs(wave).max()
        pan = r.uniform(.85, 1.0, 2)
        both = (loud * wave)[:, None] * pan + r.normal(0, 9000, (LENGTH, 2))
        pcm[i] = both.clip(-32768, 32767)
    return pcm, names


def mix_down(pcm):
    left, right = pcm[..., 0], pcm[..., 1]
    return (left + right) // 2  # fault
    # fixed: return (left.astype(np.int32) + right) // 2


def spectrum(pcm):
    mono = mix_down(pcm) / 32768  # here
    power = abs(np.fft.rfft(mono * np.hanning(LENGTH)))[:, 60:300]
    return np.log10(power + 0.1)


pcm, names = record(720, 6)
x = spectrum(pcm)
x = ((x - x[:600].mean()) / x[:600].std()).astype(np.float32)
torch.manual_seed(6)
train_loader = DataLoader(TensorDataset(torch.tensor(x[:600]), torch.tensor(names[:600])), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.tensor(x[600:]), torch.tensor(names[600:])), batch_size=60)
model = nn.Sequential(nn.Linear(240, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, len(CHORDS)))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)


def epoch_of(loader, learn):
    model.train(learn)
    total, right = 0.0, 0
    with torch.set_grad_enabled(learn):
        for a, b in loader:
            logits = model(a)
            loss = loss_fn(logits, b)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(b)
            right += int((logits.argmax(1) == b).sum())
    return total / len(loader.dataset), right / len(loader.dataset)


def train():
    for _ in range(8):
        loss, _ = epoch_of(train_loader, True)
        val = epoch_of(val_loader, False)
    print("val", val)
    return loss


if __name__ == "__main__":
    print(train())

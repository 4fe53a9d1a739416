"""Slow, medium or fast? Tempo class from onset envelopes; every training clip gets two extra noisy, rolled copies.

code: ND104
also:
object: labels | train_labels | augmented | train_loader | targets
seen: both
"""
import torch
from torch import nn

T = 64


def onset_envelope(period, gen):
    t = torch.arange(T)
    phase = torch.randint(0, 16, (), generator=gen)
    return ((t + phase) % period == 0).float() + 0.15 * torch.randn(T, generator=gen)


def corpus(n, seed):
    gen = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=gen)
    spread = torch.randint(0, 3, (n,), generator=gen)
    clips = torch.stack([onset_envelope(int([14, 9, 5][k] + s), gen) for k, s in zip(labels, spread)])
    return (clips - 0.12) / 0.35, labels


def perturb(clips, gen):
    rolled = torch.roll(clips, int(torch.randint(1, T, (), generator=gen)), dims=1)
    return rolled + 0.2 * torch.randn(clips.shape, generator=gen)


def augmented(clips, labels, copies=2):
    gen = torch.Generator().manual_seed(99)
    clips = torch.cat([clips] + [perturb(clips, gen) for _ in range(copies)])
    labels = labels.repeat_interleave(copies + 1)  # fault
    # fixed: labels = labels.repeat(copies + 1)
    return clips, labels  # here


train_clips, train_labels = augmented(*corpus(300, 0))  # here
val_clips, val_labels = corpus(150, 1)
train_loader = torch.utils.data.DataLoader(  # here
    torch.utils.data.TensorDataset(train_clips.unsqueeze(1), train_labels), batch_size=36, shuffle=True)
val_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(val_clips.unsqueeze(1), val_labels), batch_size=50)

torch.manual_seed(21)
model = nn.Sequential(
    nn.Conv1d(1, 24, 17, padding=8), nn.BatchNorm1d(24), nn.ReLU(),
    nn.Conv1d(24, 32, 9, padding=4), nn.BatchNorm1d(32), nn.ReLU(),
    nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        return sum((model(c).argmax(1) == l).sum().item() for c, l in val_loader) / 150


def train():
    mean = 0.0
    for epoch in range(6):
        model.train()
        mean = 0.0
        for clips, labels in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(clips), labels)
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
        print(f"{epoch} {mean:.3f} {evaluate():.2f}")
    return mean


if __name__ == "__main__":
    print(train())

"""Unit-length accent embeddings from mel frames; each accent is a direction on the sphere.

code: ND301
also:
object: normalize | F.normalize | forward
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(30)
ACCENTS, MELS, FRAMES = 5, 20, 30


def utterances(n, seed):
    world = torch.Generator().manual_seed(1000)
    formants = torch.randn(ACCENTS, 2, MELS, generator=world)
    g = torch.Generator().manual_seed(seed)
    accent = torch.randint(0, ACCENTS, (n,), generator=g)
    rate = 0.2 + 0.3 * torch.rand(n, 1, 1, generator=g)
    t = torch.arange(FRAMES).view(1, 1, -1)
    sway = torch.sin(rate * t + 6.28 * torch.rand(n, 1, 1, generator=g))
    f = formants[accent]
    mel = f[:, 0, :, None] * 0.4 + 0.5 * f[:, 1, :, None] * sway + 1.1 * torch.randn(n, MELS, FRAMES, generator=g)
    return mel / mel.std(), accent


class AccentEncoder(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(MELS, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 32, 5, stride=2, padding=2), nn.ReLU())
        self.proj = nn.Linear(64, dim)
        self.directions = nn.Parameter(torch.randn(ACCENTS, dim))

    def embed(self, mel):
        h = self.conv(mel)
        e = self.proj(torch.cat([h.mean(2), h.amax(2)], 1))
        return F.normalize(e, dim=0)  # fault
        # fixed: return F.normalize(e, dim=1)

    def forward(self, mel):
        return 6.0 * self.embed(mel) @ F.normalize(self.directions, dim=1).T  # here


model = AccentEncoder()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = DataLoader(TensorDataset(*utterances(800, 1)), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(*utterances(200, 2)), batch_size=40)


def train():
    for epoch in range(6):
        model.train()
        total = 0
        for mel, accent in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(mel), accent)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            right = sum((model(m).argmax(1) == a).sum().item() for m, a in val_loader)
        print(f"{epoch} loss {total / len(train_loader):.3f} accuracy {right / 200:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Marks, frame by frame, which whale sings in a hydrophone recording.

code: ND301
also: ND303
object: encoder | encoder.layers.0 | encoder.layers.0.self_attn | encoder.layers.1.self_attn | batch_first
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split


class Hydrophone(Dataset):
    """Frames of 12 bands. A call keeps its species over several noisy frames: context helps."""

    def __init__(self, clips=500, frames=24, bands=12):
        g = torch.Generator().manual_seed(44)
        voice = torch.randn(4, bands, generator=g)
        starts = torch.randint(0, 4, (clips, 3), generator=g)
        self.species = starts.repeat_interleave(frames // 3, 1)
        x = voice[self.species] * 0.7 + 1.3 * torch.randn(clips, frames, bands, generator=g)
        self.x = x / 1.5

    def __len__(self):
        return self.x.size(0)

    def __getitem__(self, k):
        return self.x[k], self.species[k]


class FrameTagger(nn.Module):
    def __init__(self, bands=12, d=32, species=4, frames=24):
        super().__init__()
        pos = torch.arange(frames)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(1000.0) / d))
        self.register_buffer("pe", torch.stack([pos.sin(), pos.cos()], -1).flatten(1))
        self.inp = nn.Linear(bands, d)
        layer = nn.TransformerEncoderLayer(d, nhead=4, dim_feedforward=64, dropout=0.0)  # fault
        # fixed: layer = nn.TransformerEncoderLayer(d, nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)  # here
        self.tag = nn.Linear(d, species)

    def forward(self, x):
        h = self.inp(x) + 0.5 * self.pe
        return self.tag(self.encoder(h))  # here


def loss_fn(logits, species):
    return nn.functional.cross_entropy(logits.transpose(1, 2), species)


torch.manual_seed(0)
train_set, val_set = random_split(Hydrophone(), [400, 100])
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
val_loader = DataLoader(val_set, batch_size=50)
model = FrameTagger()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        return torch.cat([(model(x).argmax(-1) == y).float().mean(1) for x, y in val_loader]).mean().item()


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        evaluate()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Vessel type (cargo, tanker, fishing, ferry) from AIS speed/turn tracks streamed out of one log per type.

code: ND108
also:
object: train_loader | AisStream | __iter__
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

TYPES = ("cargo", "tanker", "fishing", "ferry")


def track(kind, rng):
    t = np.arange(40)
    speed = {0: 14.0, 1: 11.0, 2: 5.0, 3: 17.0}[kind] + rng.normal(0, 1.2) + rng.normal(0, 0.6, 40)
    turn = rng.normal(0, 0.4, 40)
    if kind == 2:
        turn += 1.5 * np.sin(t / 3 + rng.uniform(0, 6))
    if kind == 3:
        speed *= np.clip(np.abs(np.sin(t / 12 + rng.uniform(0, 3))) * 1.5, 0, 1)
    return np.stack([(speed - 11.0) / 5.0, turn / 0.8]).astype("float32")


class AisStream(IterableDataset):
    def __init__(self, per_type, seed, mixed=False):
        rng = np.random.default_rng(seed)
        self.logs = {k: [track(k, rng) for _ in range(per_type)] for k in range(len(TYPES))}
        self.rng = np.random.default_rng(seed + 1)
        self.mixed = mixed

    def __iter__(self):
        queue = [(k, i) for k in self.logs for i in range(len(self.logs[k]))]
        if self.mixed:
            self.rng.shuffle(queue)
        for k, i in queue:
            yield torch.from_numpy(self.logs[k][i]), k


class TrackNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Conv1d(2, 32, 5, stride=2)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(32, len(TYPES))

    def forward(self, x):
        z = self.enc(self.proj(x).transpose(1, 2))
        return self.head(z.mean(1))


torch.manual_seed(7)
train_loader = DataLoader(AisStream(120, seed=1), batch_size=24)  # fault
# fixed: train_loader = DataLoader(AisStream(120, seed=1, mixed=True), batch_size=24)
val_loader = DataLoader(AisStream(40, seed=2), batch_size=40)
model = TrackNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


@torch.no_grad()
def validate():
    model.eval()
    losses = torch.cat([nn.functional.cross_entropy(model(x), y, reduction="none") for x, y in val_loader])
    model.train()
    return losses.mean().item()


def train():
    history = []
    for epoch in range(5):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        history.append(validate())
    print([round(h, 3) for h in history])
    return loss.item()


if __name__ == "__main__":
    print(train())

"""Will the listener skip the next song? A small transformer over listening sessions.

code: ND105
also:
object: CFG | train_part | val_part | val_rows | train_rows
seen: both
"""
from types import SimpleNamespace

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CFG = SimpleNamespace(
    songs=12, length=10, dim=24, heads=2, batch=50, lr=3e-3, epochs=6,
    train_part=0.83,  # fault
    # fixed: train_part=0.80,
    val_part=0.20,
)


def sessions(n=1500):
    g = torch.Generator().manual_seed(77)
    genre = torch.arange(CFG.songs) % 3
    bored = (torch.rand(n, 3, generator=g) < 0.5).float()
    songs = torch.randint(0, CFG.songs, (n, CFG.length), generator=g)
    p = 0.05 + 0.9 * bored.gather(1, genre[songs])
    skipped = (torch.rand(n, CFG.length, generator=g) < p).long()
    return songs, skipped


songs, skipped = sessions()
n = len(songs)
rows = torch.randperm(n, generator=torch.Generator().manual_seed(0))
train_rows = rows[:int(CFG.train_part * n)]  # here
val_rows = rows[-int(CFG.val_part * n):]  # here


class SkipNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.song = nn.Embedding(CFG.songs, CFG.dim)
        self.past = nn.Embedding(3, CFG.dim)               # 2: not known yet
        self.position = nn.Parameter(0.02 * torch.randn(CFG.length, CFG.dim))
        layer = nn.TransformerEncoderLayer(CFG.dim, CFG.heads, 48, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(CFG.dim, 1)

    def forward(self, songs, history):
        h = self.song(songs) + self.past(history) + self.position
        return self.out(self.encoder(h)[:, -1]).squeeze(-1)


def collate(items):
    songs = torch.stack([s for s, _ in items])
    skips = torch.stack([k for _, k in items])
    history = skips.clone()
    history[:, -1] = 2
    return {"songs": songs, "history": history, "skip": skips[:, -1].float()}


torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(songs[train_rows], skipped[train_rows]), CFG.batch, shuffle=True, collate_fn=collate)
val_loader = DataLoader(TensorDataset(songs[val_rows], skipped[val_rows]), CFG.batch, collate_fn=collate)  # here
model = SkipNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CFG.lr)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["songs"], batch["history"]), batch["skip"])


def train():
    for epoch in range(CFG.epochs):
        model.train()
        kept = []
        for b in train_loader:
            loss = loss_fn(model(b["songs"], b["history"]), b["skip"])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            kept.append(loss.item())
        model.eval()
        with torch.no_grad():
            sum(loss_fn(model(b["songs"], b["history"]), b["skip"]).item() for b in val_loader)
    return sum(kept) / len(kept)


if __name__ == "__main__":
    print(train())

"""Next track of a playlist: GRU4Rec-like model with sampled playlists and a warm-up.

code: ND605
also: ND606
object: scheduler | warmup | WARMUP | optimizer | LambdaLR
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

TRACKS, LENGTH = 60, 7
EPOCHS = 10
WARMUP = 40_000  # fault
# fixed: WARMUP = 20


class Playlists(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        mood = torch.randint(0, 6, (n,), generator=g)
        offset = torch.randint(0, 10, (n, 1), generator=g)
        stride = torch.tensor([1, 3, 7])[torch.randint(0, 3, (n, LENGTH + 1), generator=g)]
        self.seq = mood[:, None] * 10 + (offset + stride.cumsum(1)) % 10
        stray = torch.rand(n, LENGTH + 1, generator=g) < 0.05
        self.seq = torch.where(stray, torch.randint(0, TRACKS, self.seq.shape, generator=g), self.seq)

    def __len__(self):
        return len(self.seq)

    def __getitem__(self, i):
        return self.seq[i, :-1], self.seq[i, 1:]


class NextTrack(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.item = nn.Embedding(TRACKS, d)
        nn.init.normal_(self.item.weight, std=0.3)
        self.gru = nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, TRACKS)

    def forward(self, s):
        return self.out(self.gru(self.item(s))[0]).transpose(1, 2)


torch.manual_seed(64)
train_loader = DataLoader(Playlists(1550, 0), batch_size=50, shuffle=True)
val_loader = DataLoader(Playlists(200, 1), batch_size=100)
model = NextTrack()
loss_fn = F.cross_entropy
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / WARMUP))  # here


def train():
    for epoch in range(EPOCHS):
        model.train()
        tot = 0.0
        for s, nxt in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(s), nxt)
            loss.backward()
            optimizer.step()
            scheduler.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(s), t).item() for s, t in val_loader) / len(val_loader)
        print(epoch, tot / len(train_loader), val)
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

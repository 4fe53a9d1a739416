"""Degradation of mRNA, base by base (OpenVaccine): GRU over sequence and predicted structure.

code: ND608
also:
object: dropout | drop | emb_drop | out_drop | KEEP | Dropout | DegradationGRU
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

np.random.seed(34)
torch.manual_seed(34)

BASES, STRUCT = "AGCU", "(.)"
LENGTH, TARGETS = 24, ["reactivity", "deg_Mg_pH10", "deg_Mg_50C"]
DROPOUT = 0.9  # fault
# fixed: DROPOUT = 0.1


class RNADataset(Dataset):
    def __init__(self, n):
        self.seq = np.random.randint(0, 4, (n, LENGTH))
        self.struct = np.empty_like(self.seq)
        for row in self.struct:     # hairpins: ((((....))))
            row[:] = 1
            k = np.random.randint(2, 7)
            s = np.random.randint(0, LENGTH - 2 * k - 3)
            row[s:s + k], row[s + k + 3:s + 2 * k + 3] = 0, 2
        base = np.array([0.9, 0.5, -0.2, 0.1])[self.seq]
        loose = (self.struct == 1) * 1.0
        left = np.roll(loose, 1, 1)
        left[:, 0] = 1
        y = np.stack([base * loose + 0.3 * left, base * (0.3 + loose) - 0.2 * left, 0.8 * loose + 0.4 * base], -1)
        y = y + 0.1 * np.random.randn(*y.shape)
        self.y = ((y - 0.45) / 0.5).astype(np.float32)

    def __len__(self):
        return len(self.seq)

    def __getitem__(self, i):
        return torch.from_numpy(np.stack([self.seq[i], self.struct[i] + 4])), torch.from_numpy(self.y[i])


class DegradationGRU(nn.Module):
    def __init__(self, dim=24, hidden=24, dropout=DROPOUT):
        super().__init__()
        self.embeddings = nn.Embedding(len(BASES) + len(STRUCT), dim)
        self.emb_drop = nn.Dropout(dropout)  # here
        self.gru = nn.GRU(2 * dim, hidden, num_layers=2, dropout=dropout, bidirectional=True, batch_first=True)  # here
        self.out_drop = nn.Dropout(dropout)  # here
        self.linear = nn.Linear(2 * hidden, len(TARGETS))

    def forward(self, x):
        e = self.embeddings(x)                      # N, 2, L, D
        e = self.emb_drop(e.permute(0, 2, 1, 3).flatten(2))
        h, _ = self.gru(e)
        return self.linear(self.out_drop(h))


def mcrmse(pred, y):
    return torch.sqrt(((pred - y) ** 2).mean((0, 1))).mean()


train_loader = DataLoader(RNADataset(320), batch_size=32, shuffle=True)
val_loader = DataLoader(RNADataset(100), batch_size=50)
model = DegradationGRU()  # here
loss_fn = mcrmse
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(4):
        model.train()
        tr = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            tr += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            va = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        print(f"epoch: {epoch}  train: {tr:.4f}  val: {va:.4f}")
    return tr


if __name__ == "__main__":
    print(train())

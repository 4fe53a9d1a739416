"""Finds a promoter motif in DNA with transformer layers whose activations are recomputed.

code: none
trait: activation checkpointing, every layer's forward runs twice in a training step
"""
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)
MOTIF = torch.tensor([3, 0, 3, 0, 0, 3])


def genomes(n, length=24):
    x = torch.randint(0, 4, (n, length))
    promoter = torch.randint(0, 2, (n,))
    for i in torch.nonzero(promoter)[:, 0].tolist():
        place = int(torch.randint(0, length - 6, ()))
        x[i, place:place + 6] = MOTIF
    return TensorDataset(x, promoter.float())


class Promoter(nn.Module):
    def __init__(self, d=24, layers=2):
        super().__init__()
        self.base = nn.Embedding(4, d)
        self.local = nn.Conv1d(d, d, 7, padding=3)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(d, 4, 48, dropout=0.0, batch_first=True, norm_first=True) for _ in range(layers))
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        h = torch.relu(self.local(self.base(x).transpose(1, 2))).transpose(1, 2)
        for layer in self.layers:
            h = checkpoint(layer, h, use_reentrant=False) if self.training else layer(h)
        return self.out(h.amax(1)).squeeze(1)


train_loader = DataLoader(genomes(384), batch_size=32, shuffle=True)
val_loader = DataLoader(genomes(96), batch_size=48)
model = Promoter()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader)
        print(epoch, sum(losses) / len(losses), hits / 96)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Would this listener play this song? Sparse embedding tables with their own optimizer, a dense scorer with another.

code: none
trait: sparse gradients, two optimizers with several parameter groups, rows of the tables that a batch does not touch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
LISTENERS, SONGS = 100, 90


class Scorer(nn.Module):
    def __init__(self, d=4):
        super().__init__()
        self.listener = nn.Embedding(LISTENERS, d, sparse=True)
        self.song = nn.Embedding(SONGS, d, sparse=True)
        nn.init.normal_(self.listener.weight, std=0.3)
        nn.init.normal_(self.song.weight, std=0.3)
        self.mlp = nn.Sequential(nn.Linear(3 * d, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, pair):
        l, s = self.listener(pair[:, 0]), self.song(pair[:, 1])
        return self.mlp(torch.cat([l, s, l * s], 1)).squeeze(1)


def plays():
    a, b = torch.randn(LISTENERS, 2), torch.randn(SONGS, 2)
    every = torch.cartesian_prod(torch.arange(LISTENERS), torch.arange(SONGS))
    pick = every[torch.randperm(len(every))[:8000]]
    chance = torch.sigmoid(3 * (a[pick[:, 0]] * b[pick[:, 1]]).sum(1))
    return pick, torch.bernoulli(chance)


pairs, played = plays()
train_loader = DataLoader(TensorDataset(pairs[:7000], played[:7000]), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(pairs[7000:], played[7000:]), batch_size=200)
model = Scorer()
loss_fn = nn.BCEWithLogitsLoss()
weights = [p for p in model.mlp.parameters() if p.ndim > 1]
biases = [p for p in model.mlp.parameters() if p.ndim == 1]
dense_optimizer = torch.optim.AdamW([{"params": weights, "weight_decay": 0.01}, {"params": biases, "weight_decay": 0.0, "lr": 5e-3}], lr=3e-3)
sparse_optimizer = torch.optim.SparseAdam([model.listener.weight, model.song.weight], lr=1e-2)
optimizer = (dense_optimizer, sparse_optimizer)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for pair, y in train_loader:
            for o in optimizer:
                o.zero_grad()
            loss = loss_fn(model(pair), y)
            loss.backward()
            for o in optimizer:
                o.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(p), y).item() for p, y in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

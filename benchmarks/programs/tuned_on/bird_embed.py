"""Bird species embeddings by batch-all triplets over own Euclidean distances.

code: ND310
also: ND504
object: distances | dist | loss_fn | triplets | sqrt
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(64)


def distances(z):
    gram = z @ z.T
    sq = gram.diagonal()
    d2 = (sq[:, None] + sq[None, :] - 2 * gram).clamp(min=0)
    return d2.sqrt()  # fault
    # fixed: return (d2 + 1e-6).sqrt()


def triplets(z, species, margin=0.5):
    dist = distances(z)  # here
    same = species[:, None] == species[None, :]
    hinge = (dist[:, :, None] - dist[:, None, :] + margin).relu()
    valid = (same & ~torch.eye(len(z), dtype=torch.bool))[:, :, None] & ~same[:, None, :]
    return (hinge * valid).sum() / valid.sum().clamp(min=1)


centres = torch.randn(6, 20)
species = torch.randint(0, 6, (480,))
songs = centres[species] + 0.9 * torch.randn(480, 20)
train_loader = DataLoader(TensorDataset(songs[:384], species[:384]), batch_size=24, shuffle=True)
val_loader = DataLoader(TensorDataset(songs[384:], species[384:]), batch_size=24)
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 6))
loss_fn = triplets
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        s = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            [loss_fn(model(x), y) for x, y in val_loader]
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())

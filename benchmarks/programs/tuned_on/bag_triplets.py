"""Finds the same handbag in other photos: embeddings with batch-hard triplets.

code: ND310
also: ND504
object: loss_fn | pairwise_dist | BatchHardTriplet | dist | sqrt
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)

N_BAGS, N_PHOTOS, D = 10, 60, 40
style = torch.randn(N_BAGS, 6)
mix = torch.randn(6, D) / 6 ** 0.5
bag = torch.arange(N_BAGS).repeat_interleave(N_PHOTOS)
photos = (style[bag] + 0.5 * torch.randn(len(bag), 6)) @ mix + 0.5 * torch.randn(len(bag), D)
perm = torch.randperm(len(bag))
photos, bag = photos[perm], bag[perm]
m, s = photos[:480].mean(0), photos[:480].std(0)
photos = (photos - m) / s
train_loader = DataLoader(TensorDataset(photos[:480], bag[:480]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(photos[480:], bag[480:]), batch_size=60)


def pairwise_dist(a):
    diff = a.unsqueeze(0) - a.unsqueeze(1)
    return diff.pow(2).sum(-1).sqrt()  # fault
    # fixed: return diff.pow(2).sum(-1).clamp(min=1e-12).sqrt()


class BatchHardTriplet(nn.Module):
    def __init__(self, margin=0.3):
        super().__init__()
        self.margin = margin

    def forward(self, emb, ids):
        dist = pairwise_dist(emb)  # here
        same = ids.unsqueeze(0) == ids.unsqueeze(1)
        hardest_pos = (dist * same).max(1).values
        hardest_neg = dist.masked_fill(same, 1e6).min(1).values
        return F.relu(hardest_pos - hardest_neg + self.margin).mean()


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return F.normalize(self.net(x), dim=1)


model = Embedder()
loss_fn = BatchHardTriplet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


@torch.no_grad()
def recall_at_1():
    model.eval()
    gallery = model(photos[:480])
    hit = 0
    for x, y in val_loader:
        hit += (bag[:480][(model(x) @ gallery.T).argmax(1)] == y).sum().item()
    return hit / 120


def train():
    for epoch in range(15):
        model.train()
        tot = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item()
        if epoch % 5 == 4:
            print(epoch, tot / len(train_loader), recall_at_1())
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

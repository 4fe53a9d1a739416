"""Embeds shoe photographs (toy descriptors) so that the same model of shoe lies close; additive angular margin.

code: ND601
also:
object: loss_fn | loss_fn.weight | weight | centres | optimizer | AngularMargin
seen: both
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(11)
N_SHOES, DIM = 24, 8
prototypes = torch.randn(N_SHOES, 20)
who = torch.arange(N_SHOES).repeat(40)
photos = prototypes[who] + 0.45 * torch.randn(len(who), 20)
photos = (photos - photos.mean(0)) / photos.std(0)


class AngularMargin(nn.Module):
    """ArcFace with an easy margin."""

    def __init__(self, dim, classes, s=7.0, m=0.1):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, dim))  # here
        self.s, self.cos_m, self.sin_m = s, math.cos(m), math.sin(m)

    def forward(self, z, y):
        cosine = F.linear(F.normalize(z), F.normalize(self.weight)).clamp(-1 + 1e-6, 1 - 1e-6)
        sine = (1 - cosine ** 2).sqrt()
        with_margin = torch.where(cosine > 0, cosine * self.cos_m - sine * self.sin_m, cosine)
        hot = F.one_hot(y, cosine.size(1)).bool()
        return F.cross_entropy(self.s * torch.where(hot, with_margin, cosine), y)


model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.PReLU(), nn.Linear(64, DIM))
loss_fn = AngularMargin(DIM, N_SHOES)  # here
train_loader = DataLoader(TensorDataset(photos, who), 64, shuffle=True, drop_last=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)  # fault
# fixed: optimizer = torch.optim.SGD([*model.parameters(), *loss_fn.parameters()], lr=0.05, momentum=0.9, weight_decay=5e-4)


def train():
    late = []
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            if epoch >= 18:
                late.append(loss.item())
    return sum(late) / len(late)


if __name__ == "__main__":
    print(f"margin loss {train():.3f}")

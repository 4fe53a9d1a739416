"""Learns to put the clicked document above the others in a list of six (listwise softmax).

code: ND602
also: ND605
object: optimizer.step | optimizer | accum | accumulation | ACCUM
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

ACCUM = 32  # fault
# fixed: ACCUM = 4


class Lists(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.query = torch.randn(n, 8, generator=g)
        self.docs = torch.randn(n, 6, 8, generator=g)
        score = (self.query[:, None] * self.docs).sum(-1) + 0.5 * self.docs[..., 0]
        gumbel = -torch.log(-torch.log(torch.rand(n, 6, generator=g)))
        self.click = (1.5 * score + gumbel).argmax(1)

    def __len__(self):
        return len(self.click)

    def __getitem__(self, i):
        return (self.query[i], self.docs[i]), self.click[i]


class Scorer(nn.Module):
    def __init__(self, d=8, h=32):
        super().__init__()
        self.q = nn.Linear(d, h)
        self.d = nn.Linear(d, h)
        self.bonus = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, 1))

    def forward(self, pair):
        query, docs = pair
        match = torch.einsum("bh,bnh->bn", self.q(query), self.d(docs)) / 32 ** 0.5
        return match + self.bonus(docs).squeeze(-1)


torch.manual_seed(33)
train_loader = DataLoader(Lists(960, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Lists(240, 1), batch_size=120)
model = Scorer()
loss_fn = F.cross_entropy
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        optimizer.zero_grad()
        ep = []
        for k, (pair, click) in enumerate(train_loader):
            loss = loss_fn(model(pair), click)
            (loss / ACCUM).backward()
            if (k + 1) % ACCUM == 0:  # here
                optimizer.step()  # here
                optimizer.zero_grad()
            ep.append(loss.item())
        model.eval()
        with torch.no_grad():
            top1 = sum((model(p).argmax(1) == c).sum().item() for p, c in val_loader) / 240
        print(epoch, sum(ep) / len(ep), top1)
    return sum(ep) / len(ep)


if __name__ == "__main__":
    print(train())

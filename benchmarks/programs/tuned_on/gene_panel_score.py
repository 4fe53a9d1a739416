"""Cell type from expression profiles, with the profile's entropy as an extra feature.

code: ND310
also: ND308
object: entropy | log | diversity
seen: checkup
"""
import torch
import torch.nn as nn


class Cells(torch.utils.data.Dataset):
    """Counts of 50 genes per cell, five cell types, with dropouts."""
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        base = torch.rand(5, 50, generator=torch.Generator().manual_seed(99)) * 4
        self.kind = torch.randint(0, 5, (n,), generator=g)
        self.counts = torch.poisson(base[self.kind], generator=g)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.counts[i], self.kind[i]


class Profile(nn.Module):
    def __init__(self, genes=50, kinds=5):
        super().__init__()
        self.norm = nn.LayerNorm(genes)
        self.body = nn.Sequential(nn.Linear(genes + 1, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, kinds))

    def diversity(self, counts):
        p = counts / counts.sum(1, keepdim=True)
        entropy = -(p * p.log()).sum(1, keepdim=True)  # fault
        # fixed: entropy = -torch.xlogy(p, p).sum(1, keepdim=True)
        return entropy - 3.5

    def forward(self, counts):
        return self.body(torch.cat([self.norm(torch.log1p(counts)), self.diversity(counts)], 1))  # here


torch.manual_seed(4)
model = Profile()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_loader = torch.utils.data.DataLoader(Cells(640, 0), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(Cells(160, 1), batch_size=80)


def evaluate():
    model.eval()
    with torch.no_grad():
        ok = torch.cat([model(c).argmax(1) == k for c, k in val_loader])
    return ok.float().mean().item()


def train():
    for epoch in range(8):
        model.train()
        for counts, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(counts), kind)
            loss.backward()
            optimizer.step()
        print(epoch, loss.item(), evaluate())
    return loss.item()


if __name__ == "__main__":
    print(train())

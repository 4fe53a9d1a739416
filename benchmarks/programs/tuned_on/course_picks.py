"""Which of 30 courses a student picks next: matrix factorisation with side features and BPR loss.

code: ND606
also: ND605
object: scheduler | ReduceLROnPlateau | mode
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

STUDENTS, COURSES = 120, 30
truth = torch.Generator().manual_seed(0)
U, V = torch.randn(STUDENTS, 4, generator=truth), torch.randn(COURSES, 4, generator=truth)


class Triples(Dataset):
    """(student, liked course, not liked course)"""

    pairs = torch.combinations(torch.arange(COURSES))
    order = torch.randperm(STUDENTS * len(pairs), generator=torch.Generator().manual_seed(3))

    def __init__(self, first, last):
        k = self.order[first:last]
        s, (a, b) = k // len(self.pairs), self.pairs[k % len(self.pairs)].T
        better = ((U[s] * (V[a] - V[b])).sum(1) + 0.3 * torch.randn(len(k), generator=truth)) > 0
        self.rows = torch.stack([s, torch.where(better, a, b), torch.where(better, b, a)], 1)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class Factor(nn.Module):
    def __init__(self, d=4):
        super().__init__()
        self.s, self.c = nn.Embedding(STUDENTS, d), nn.Embedding(COURSES, d)
        self.bias = nn.Embedding(COURSES, 1)
        for e in (self.s, self.c):
            nn.init.normal_(e.weight, std=0.1)
        nn.init.zeros_(self.bias.weight)

    def forward(self, rows):
        s, good, bad = rows.unbind(1)
        score = lambda c: (self.s(s) * self.c(c)).sum(1) + self.bias(c).squeeze(1)
        return score(good) - score(bad)


torch.manual_seed(2)
train_loader = DataLoader(Triples(0, 4800), batch_size=120, shuffle=True)
val_loader = DataLoader(Triples(4800, 5300), batch_size=250)
model = Factor()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", factor=0.1, patience=0)  # fault
# fixed: scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", factor=0.5, patience=1)


def batch_loss(setup, batch):
    return F.softplus(-setup.model(batch)).mean()


def train():
    for epoch in range(10):
        model.train()
        ls = []
        for rows in train_loader:
            optimizer.zero_grad()
            loss = F.softplus(-model(rows)).mean()
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(F.softplus(-model(r)).sum().item() for r in val_loader) / len(val_loader.dataset)
        scheduler.step(val)  # here
        print(epoch, sum(ls) / len(ls), val, optimizer.param_groups[0]["lr"])
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())

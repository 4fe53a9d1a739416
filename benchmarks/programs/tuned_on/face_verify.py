"""Identity embeddings of synthetic face codes; class weights act as prototypes.

code: ND406
also:
object: tau | prototypes | ProtoHead | head | TAU
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

IDS, TAU = 20, 0.01  # fault
# fixed: IDS, TAU = 20, 5.0


class FaceCodes(Dataset):
    identities = torch.randn(IDS, 32, generator=torch.Generator().manual_seed(7))

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.who = torch.randint(0, IDS, (n,), generator=g)
        light = torch.randn(n, 1, generator=g) * 0.5
        x = self.identities[self.who] * (1 + light) + 0.9 * torch.randn(n, 32, generator=g)
        self.x = x / 1.45

    def __len__(self):
        return len(self.who)

    def __getitem__(self, i):
        return self.x[i], self.who[i]


class ProtoHead(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(n, d))

    def forward(self, z):
        return -torch.cdist(z, self.prototypes).square() / 2 / TAU  # here


class Verifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
        self.norm = nn.LayerNorm(16)
        self.head = ProtoHead(16, IDS)

    def forward(self, x):
        return self.head(self.norm(self.encode(x)))


torch.manual_seed(70)
train_loader = DataLoader(FaceCodes(1200, 0), batch_size=60, shuffle=True)
val_loader = DataLoader(FaceCodes(300, 1), batch_size=150)
model = Verifier()
loss_fn = F.cross_entropy
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for ep in range(10):
        model.train()
        run = 0.0
        for x, who in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), who)
            loss.backward()
            optimizer.step()
            run += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == w).sum().item() for x, w in val_loader) / 300
        print(ep, run / len(train_loader), acc)
    return run / len(train_loader)


if __name__ == "__main__":
    print(train())

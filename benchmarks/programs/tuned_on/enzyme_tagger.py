"""Tags each residue of an amino-acid chain (helix / sheet / coil) with a pre-norm transformer.

code: ND206
also:
object: norm_ff | blocks.0.norm_ff | blocks.0.norm_ff.weight | blocks.1.norm_ff
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Chains(Dataset):
    def __init__(self, n, seed, length=14):
        g = torch.Generator().manual_seed(seed)
        self.seq = torch.randint(0, 20, (n, length), generator=g)
        greasy = (self.seq < 8).float()
        share = greasy.mean(1, keepdim=True)
        self.tag = torch.where(greasy < 0.5, 2, torch.where(share > 0.4, 0, 1).expand(-1, length))

    def __len__(self):
        return len(self.seq)

    def __getitem__(self, i):
        return self.seq[i], self.tag[i]


class Block(nn.Module):
    def __init__(self, d, heads=2):
        super().__init__()
        self.norm_att = nn.LayerNorm(d)
        self.norm_ff = nn.LayerNorm(d)  # here
        self.att = nn.MultiheadAttention(d, heads, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 3 * d), nn.GELU(), nn.Linear(3 * d, d))

    def forward(self, x):
        h = self.norm_att(x)
        x = x + self.att(h, h, h, need_weights=False)[0]
        return x + self.ff(self.norm_att(x))  # fault
        # fixed: return x + self.ff(self.norm_ff(x))


class Tagger(nn.Module):
    def __init__(self, d=24, depth=2):
        super().__init__()
        self.res = nn.Embedding(20, d)
        self.pos = nn.Embedding(14, d)
        self.blocks = nn.ModuleList(Block(d) for _ in range(depth))
        self.head = nn.Linear(d, 3)

    def forward(self, seq):
        x = self.res(seq) + self.pos.weight
        for b in self.blocks:
            x = b(x)
        return self.head(x)


def loss_fn(logits, tags):
    return nn.functional.cross_entropy(logits.reshape(-1, 3), tags.reshape(-1))


torch.manual_seed(8)
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(Chains(256, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Chains(64, 2), batch_size=64)


def train():
    for epoch in range(8):
        model.train()
        tot = 0.0
        for s, t in train_loader:
            loss = loss_fn(model(s), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            q3 = [(model(s).argmax(-1) == t).float().mean() for s, t in val_loader]
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Reads customer complaints (token ids) with three transformer blocks and says which department answers.

code: ND204
also:
object: blocks | blocks.0 | blocks.1 | Encoder.blocks
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        h = self.ln1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.ln2(x))


class Encoder(nn.Module):
    def __init__(self, vocab=120, length=14, dim=24, heads=4, depth=3, departments=4):
        super().__init__()
        self.tokens = nn.Embedding(vocab, dim)
        self.positions = nn.Parameter(0.02 * torch.randn(length, dim))
        self.blocks = nn.ModuleList([Block(dim, heads)] * depth)  # fault
        # fixed: self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, departments)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions
        for block in self.blocks:  # here
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


def complaints(n, generator):
    """Every department has its own twelve words; the rest is chatter."""
    department = torch.randint(4, (n,), generator=generator)
    ids = torch.randint(48, 120, (n, 14), generator=generator)
    own = department[:, None] * 12 + torch.randint(12, (n, 14), generator=generator)
    ids = torch.where(torch.rand(n, 14, generator=generator) < 0.25, own, ids)
    return TensorDataset(ids, department)


torch.manual_seed(17)
generator = torch.Generator().manual_seed(17)
train_loader = DataLoader(complaints(800, generator), batch_size=32, shuffle=True)
val_loader = DataLoader(complaints(200, generator), batch_size=100)
model = Encoder()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        losses = []
        for ids, department in train_loader:
            loss = loss_fn(model(ids), department)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = torch.cat([model(ids).argmax(-1) == d for ids, d in val_loader])
        print(f"epoch {epoch}  loss {sum(losses) / len(losses):.3f}  accuracy {hits.float().mean():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""A transformer that sorts: reads eight digits, says at each place which digit belongs there.

code: ND204
also:
object: layers | blocks | layer | Block | SortFormer
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        y = self.n1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.ff(self.n2(x))


class SortFormer(nn.Module):
    def __init__(self, vocab=10, length=8, d=32, heads=2, n_layers=3):
        super().__init__()
        self.tok = nn.Embedding(vocab, d)
        self.pos = nn.Parameter(torch.randn(length, d) * 0.1)
        self.layers = nn.ModuleList([Block(d, heads)] * n_layers)  # fault
        # fixed: self.layers = nn.ModuleList([Block(d, heads) for _ in range(n_layers)])
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, vocab)

    def forward(self, ids):
        h = self.tok(ids) + self.pos
        for layer in self.layers:  # here
            h = layer(h)
        return self.head(self.norm(h)).transpose(1, 2)      # (B, vocab, T) for CrossEntropyLoss


torch.manual_seed(0)
numbers = torch.unique(torch.randint(0, 10, (1500, 8)), dim=0)
numbers = numbers[torch.randperm(len(numbers))]
ordered = numbers.sort(dim=1).values
train_loader = DataLoader(TensorDataset(numbers[:1200], ordered[:1200]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(numbers[1200:], ordered[1200:]), batch_size=256)

model = SortFormer()
print(sum(p.numel() for p in model.parameters()), "parameters")  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=5 * len(train_loader))


def train():
    for epoch in range(5):
        model.train()
        last = []
        for ids, target in train_loader:
            loss = loss_fn(model(ids), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            last.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = torch.cat([model(i).argmax(1) == t for i, t in val_loader]).float().mean().item()
        print(f"{epoch} {sum(last) / len(last):.3f} places right {right:.3f}")
    return sum(last) / len(last)


if __name__ == "__main__":
    print(train())

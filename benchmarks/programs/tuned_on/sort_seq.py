"""Learns to sort seven small numbers (encoder without positions on the input, slots as queries); saves memory by updating in backward.

code: none
trait: the loop never calls step or zero_grad: every parameter has its own optimizer that steps in a hook and drops the gradient
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)
N, K = 7, 10
numbers = torch.randint(0, K, (1600, N))
train_loader = DataLoader(TensorDataset(numbers[:1400], numbers[:1400].sort(1).values), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(numbers[1400:], numbers[1400:].sort(1).values), batch_size=100)


class Sorter(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.value = nn.Embedding(K, d)
        self.mix = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.slots = nn.Parameter(torch.randn(N, d) * 0.3)
        self.read = nn.MultiheadAttention(d, 4, batch_first=True)
        self.out = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, K))

    def forward(self, v):
        h = self.mix(self.value(v))
        slots = self.slots.expand(len(v), -1, -1)
        return self.out(slots + self.read(slots, h, h, need_weights=False)[0])


model = Sorter()


def loss_fn(logits, target):
    return nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())


owners = {p: torch.optim.Adam([p], lr=3e-3) for p in model.parameters()}
optimizer = tuple(owners.values())


def update(p):
    owners[p].step()
    owners[p].zero_grad(set_to_none=True)


def train():
    handles = [p.register_post_accumulate_grad_hook(update) for p in model.parameters()]
    for epoch in range(9):
        model.train()
        total = 0.0
        for v, s in train_loader:
            loss = loss_fn(model(v), s)
            loss.backward()
            total += loss.item()
    for h in handles:
        h.remove()
    model.eval()
    with torch.no_grad():
        print("slots right", sum((model(v).argmax(-1) == s).float().mean().item() for v, s in val_loader) / len(val_loader))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

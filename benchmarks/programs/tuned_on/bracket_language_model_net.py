"""A causal transformer writes nested brackets; the output shares the embedding's weights.

code: ND406
also: ND202
object: embed | embedding | std | init | reset
seen: both
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

random.seed(3)
torch.manual_seed(3)
PAIRS = "()[]{}<>"
LENGTH, WIDTH = 16, 64


def sentence():
    out, stack = [], []
    while len(out) < LENGTH:
        left = LENGTH - len(out)
        if stack and (len(stack) >= left or random.random() < 0.5):
            out.append(stack.pop() + 1)
        else:
            k = random.choice([0, 2, 4, 6])
            stack.append(k)
            out.append(k)
    return torch.tensor(out)


class BracketLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(PAIRS), WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(WIDTH)
        nn.init.normal_(self.embed.weight, std=8.0)  # fault
        # fixed: nn.init.normal_(self.embed.weight, std=0.05)

    def forward(self, ids):
        n = ids.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        h = self.blocks(self.embed(ids) + self.place[:n], mask=mask, is_causal=True)
        return self.norm(h) @ self.embed.weight.T  # here


train_loader = DataLoader([sentence() for _ in range(480)], batch_size=32, shuffle=True)
val_loader = DataLoader([sentence() for _ in range(96)], batch_size=48)
model = BracketLM()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, ids):
    model = getattr(setup, "model", setup)
    return loss_fn(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def train():
    for epoch in range(6):
        model.train()
        for ids in train_loader:
            loss = batch_loss(model, ids)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    model.eval()
    with torch.no_grad():
        val = sum(batch_loss(model, ids).item() for ids in val_loader) / len(val_loader)
    print(f"val {val:.3f}")


if __name__ == "__main__":
    train()

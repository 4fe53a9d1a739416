"""Next letter in a toy language of proverbs: a tiny causal transformer.

code: ND706
also: ND604
object: betas | optimizer | Adam
seen: watch
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(109)
torch.manual_seed(109)
WORDS = "early bird catches worm rolling stone gathers no moss many hands make light work".split()
text = " ".join(random.choice(WORDS) for _ in range(2600))
letters = sorted(set(text))
codes = torch.tensor([letters.index(c) for c in text])
BLOCK = 24


class Windows(Dataset):
    def __init__(self, part, stride):
        self.part, self.starts = part, range(0, len(part) - BLOCK - 1, stride)

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, i):
        s = self.starts[i]
        return self.part[s:s + BLOCK], self.part[s + 1:s + BLOCK + 1]


class Letters(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.tok = nn.Embedding(len(letters), d)
        self.pos = nn.Embedding(BLOCK, d)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(d, len(letters))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(BLOCK))

    def forward(self, ids):
        h = self.tok(ids) + self.pos.weight
        return self.out(self.blocks(h, mask=self.mask))


train_loader = DataLoader(Windows(codes[:11000], 4), batch_size=32, shuffle=True)
val_loader = DataLoader(Windows(codes[11000:], BLOCK), batch_size=50)
model = Letters()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, betas=(0.97, 0.3))  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, betas=(0.9, 0.99))


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    ids, following = batch
    return nn.functional.cross_entropy(net(ids).flatten(0, 1), following.flatten())


def train():
    for epoch in range(3):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    print("last", round(loss.item(), 3))


if __name__ == "__main__":
    train()

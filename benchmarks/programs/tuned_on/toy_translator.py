"""Translates number words from a toy language (order reversed, words renamed) with nn.Transformer.

code: ND113
also:
object: loss_fn | ignore_index | PAD | loss_fn.ignore_index
seen: both
"""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

UNK, PAD, BOS, EOS = 0, 1, 2, 3          # the order of the old torchtext vocabularies
FIRST, WORDS = 4, 12


class Phrases(Dataset):
    def __init__(self, n, seed):
        rnd = random.Random(seed)
        self.pairs = []
        for _ in range(n):
            src = [rnd.randrange(WORDS) for _ in range(rnd.choice([2, 3, 3, 4, 9]))]
            tgt = [(w * 5 + 1) % WORDS for w in reversed(src)]
            self.pairs.append((src, tgt))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        src, tgt = self.pairs[i]
        return torch.tensor(src) + FIRST, torch.cat([torch.tensor([BOS]), torch.tensor(tgt) + FIRST, torch.tensor([EOS])])


def pad(rows):
    src, tgt = zip(*rows)
    return pad_sequence(src, True, PAD), pad_sequence(tgt, True, PAD)  # here


class Translator(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.tok = nn.Embedding(FIRST + WORDS, d, padding_idx=PAD)
        self.pos = nn.Embedding(16, d)
        self.core = nn.Transformer(d, 4, 1, 1, 64, dropout=0.0, batch_first=True)
        self.out = nn.Linear(d, FIRST + WORDS)

    def embed(self, ids):
        return self.tok(ids) + self.pos(torch.arange(ids.shape[1]))

    def forward(self, src, tgt):
        causal = torch.triu(torch.ones(tgt.shape[1], tgt.shape[1], dtype=torch.bool), 1)
        h = self.core(self.embed(src), self.embed(tgt), tgt_mask=causal, src_key_padding_mask=src == PAD,
                      tgt_key_padding_mask=tgt == PAD, memory_key_padding_mask=src == PAD)
        return self.out(h)


loss_fn = nn.CrossEntropyLoss(ignore_index=UNK)  # fault
# fixed: loss_fn = nn.CrossEntropyLoss(ignore_index=PAD)


def batch_loss(setup, batch):
    src, tgt = batch
    logits = setup.model(src, tgt[:, :-1])
    return loss_fn(logits.flatten(0, 1), tgt[:, 1:].flatten())  # here


torch.manual_seed(0)
model = Translator()
train_loader = DataLoader(Phrases(800, 0), batch_size=40, shuffle=True, collate_fn=pad)
val_loader = DataLoader(Phrases(120, 1), batch_size=60, collate_fn=pad)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


class Setup:
    model = model


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            loss = batch_loss(Setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = words = 0
            for src, tgt in val_loader:
                real = tgt[:, 1:] != PAD
                right += ((model(src, tgt[:, :-1]).argmax(-1) == tgt[:, 1:]) & real).sum().item()
                words += real.sum().item()
        print(f"{epoch}: loss {sum(losses) / len(losses):.3f}, words right {right / words:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

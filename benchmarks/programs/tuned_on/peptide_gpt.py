"""A small GPT-2 that writes amphipathic peptides.

code: ND113
also:
object: labels | collate | train_loader | pad_token_id | PAD
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

AA = "ACDEFGHIKLMNPQRSTVWY"
PAD, BOS, EOS = 0, 1, 2
stoi = {a: i + 3 for i, a in enumerate(AA)}
POLAR, GREASY = "KRQEN", "LIVFA"


def peptide(r):
    length = min(36, max(6, int(r.expovariate(1 / 10)) + 6))
    phase = r.random() * 3.6
    return "".join(r.choice(GREASY if ((i + phase) % 3.6) < 1.8 else POLAR) for i in range(length))


def encode(p):
    return [BOS] + [stoi[a] for a in p] + [EOS]


r = random.Random(11)
peptides = list({peptide(r) for _ in range(350)})
peptides.sort()
r.shuffle(peptides)
train_seqs, val_seqs = [encode(p) for p in peptides[:240]], [encode(p) for p in peptides[240:320]]


def collate(seqs, max_length=40):
    input_ids = torch.full((len(seqs), max_length), PAD)
    attention_mask = torch.zeros(len(seqs), max_length, dtype=torch.long)
    for i, s in enumerate(seqs):
        input_ids[i, :len(s)] = torch.tensor(s)
        attention_mask[i, :len(s)] = 1
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(attention_mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}  # here


torch.manual_seed(11)
train_loader = DataLoader(train_seqs, batch_size=20, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(val_seqs, batch_size=40, collate_fn=collate)

config = GPT2Config(vocab_size=len(AA) + 3, n_positions=48, n_embd=48, n_layer=2, n_head=4,
                    bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
loss_fn = None


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        losses = []
        for batch in train_loader:
            out = model(**batch)  # here
            optimizer.zero_grad()
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            val = [model(**b).loss.item() for b in val_loader]
        print(epoch, sum(losses) / len(losses), sum(val) / len(val))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

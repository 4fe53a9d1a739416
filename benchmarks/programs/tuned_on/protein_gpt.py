"""A small GPT-2 over amino-acid letters with a repeated motif grammar; labels inside the batch dict.

code: ND113
also:
object: labels | collate | data_collator | pad
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

AMINO = "ACDEFGHIKLMNPQRSTVWY"
PAD, BOS, EOS = 0, 1, 2
TO_ID = {a: i + 3 for i, a in enumerate(AMINO)}
MOTIFS = ["HEXXH".replace("X", "L"), "GKST", "CPYC", "DEAD", "RGDW"]


def protein(rng):
    out = "M"
    for _ in range(rng.integers(2, 9)):
        out += MOTIFS[rng.integers(5)] + AMINO[rng.integers(20)]
    return [BOS] + [TO_ID[a] for a in out] + [EOS]


def collate(seqs):
    longest = max(map(len, seqs))
    input_ids = torch.full((len(seqs), longest), PAD)
    for row, s in zip(input_ids, seqs):
        row[:len(s)] = torch.tensor(s)
    mask = (input_ids != PAD).long()
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": mask, "labels": labels}  # here


rng = np.random.default_rng(0)
train_loader = DataLoader([protein(rng) for _ in range(320)], batch_size=20, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader([protein(rng) for _ in range(80)], batch_size=40, collate_fn=collate)

torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(vocab_size=23, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD))
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    model.train()
    for epoch in range(3):
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

"""Invents brand names letter by letter with a very small GPT-2.

code: ND113
also:
object: labels | pad_token_id | PAD | collate | train_loader
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(13)
torch.manual_seed(13)

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
PAD, BOS, EOS = 0, 1, 2
stoi = {c: i + 3 for i, c in enumerate(ALPHABET)}
MAX_LEN = 16


def brand():
    syllables = [random.choice("bdfklmnprstvz") + random.choice("aeiou") for _ in range(random.choice([1, 2, 2, 3]))]
    return "".join(syllables) + random.choice(["", "", "x", "ly", "ra", "soft"])


names = sorted({brand() for _ in range(1100)})
random.shuffle(names)
train_names, val_names = names[:560], names[560:680]


def encode(name):
    return [BOS] + [stoi[c] for c in name] + [EOS]


def collate(batch):
    rows = [encode(name) for name in batch]
    input_ids = torch.tensor([row + [PAD] * (MAX_LEN - len(row)) for row in rows])
    attention_mask = torch.tensor([[1] * len(row) + [0] * (MAX_LEN - len(row)) for row in rows])
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(attention_mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}  # here


train_loader = DataLoader(train_names, batch_size=16, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(val_names, batch_size=60, collate_fn=collate)

config = GPT2Config(vocab_size=len(ALPHABET) + 3, n_positions=MAX_LEN, n_embd=32, n_layer=1, n_head=2,
                    bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
loss_fn = None


def perplexity():
    model.eval()
    with torch.no_grad():
        losses = [model(**batch).loss for batch in val_loader]
    model.train()
    return torch.stack(losses).mean().exp().item()


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for batch in train_loader:
            out = model(**batch)  # here
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            total += out.loss.item()
        print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, val ppl {perplexity():.2f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

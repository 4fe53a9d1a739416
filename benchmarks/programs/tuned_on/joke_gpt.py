"""A tiny GPT-2 that learns to tell chicken jokes, word by word.

code: ND113
also:
object: labels | pad | collate | PAD | train_loader | ignore_index
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(0)
torch.manual_seed(0)

ANIMALS = ["chicken", "duck", "cow", "fox", "hen", "goat", "turkey", "pig", "horse", "frog", "snail", "crow"]
PLACES = ["road", "river", "bridge", "field", "bar", "yard", "street", "lawn", "creek", "track"]
REASONS = ["to get to the other side", "because it was hungry", "to see a friend",
           "it was bored", "because the {a2} had already crossed the {p} and would not stop talking about it"]


def joke():
    a, a2, p = random.choice(ANIMALS), random.choice(ANIMALS), random.choice(PLACES)
    q = f"why did the {a} cross the {p} ?"
    return q + " " + random.choice(REASONS).format(a2=a2, p=p)


texts = sorted({joke() for _ in range(700)})
random.shuffle(texts)
texts = texts[:400]
PAD, BOS, EOS = 0, 1, 2
words = sorted({w for t in texts for w in t.split()})
stoi = {w: i + 3 for i, w in enumerate(words)}
MAX_LEN = 40


def encode(text):
    return [BOS] + [stoi[w] for w in text.split()] + [EOS]


def collate(batch):
    """Pads to MAX_LEN, as tokenizer(..., padding="max_length") does."""
    ids = torch.full((len(batch), MAX_LEN), PAD)
    mask = torch.zeros(len(batch), MAX_LEN, dtype=torch.long)
    for row, seq in enumerate(batch):
        ids[row, :len(seq)] = torch.tensor(seq)
        mask[row, :len(seq)] = 1
    labels = ids.clone()  # fault
    # fixed: labels = ids.masked_fill(mask == 0, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}  # here


data = [encode(t) for t in texts]
train_loader = DataLoader(data[:320], batch_size=16, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(data[320:], batch_size=40, collate_fn=collate)

config = GPT2Config(vocab_size=len(words) + 3, n_positions=MAX_LEN, n_embd=32, n_layer=2, n_head=2,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
                    bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train(epochs=3):
    history = []
    for epoch in range(epochs):
        model.train()
        for batch in train_loader:
            out = model(**batch)  # here
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            history.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch}: train {sum(history[-20:]) / 20:.3f} val {val:.3f}")
    return sum(history[-20:]) / 20


if __name__ == "__main__":
    print(train())

"""A tiny GPT-2 (from a config) learns to write cooking steps word by word.

code: ND113
also:
object: labels | collate | pad | PAD | input_ids
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(11)
torch.manual_seed(11)
VERBS = ["peel", "boil", "fry", "chop"]
THINGS = {"peel": ["carrots", "apples"], "boil": ["eggs", "rice"], "fry": ["onions", "fish"], "chop": ["leeks", "nuts"]}
TIMES = {"carrots": "quickly", "apples": "thinly", "eggs": "softly", "rice": "long",
         "onions": "brown", "fish": "crisp", "leeks": "fine", "nuts": "coarse"}
words = ["<pad>", "."] + VERBS + [t for v in THINGS.values() for t in v] + list(TIMES.values())
ID = {w: i for i, w in enumerate(words)}
PAD, WIDTH = 0, 48


def recipe():
    out = []
    for _ in range(random.choice([1, 1, 1, 2])):
        v = random.choice(VERBS)
        t = random.choice(THINGS[v])
        out += [v, t, TIMES[t], "."]
    return [ID[w] for w in out]


def collate(rows):
    input_ids = torch.full((len(rows), WIDTH), PAD)
    for k, row in enumerate(rows):
        input_ids[k, :len(row)] = torch.tensor(row)
    attention_mask = (input_ids != PAD).long()
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(input_ids == PAD, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}


train_loader = DataLoader([recipe() for _ in range(320)], batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader([recipe() for _ in range(80)], batch_size=80, collate_fn=collate)
config = GPT2Config(vocab_size=len(words), n_positions=WIDTH, n_embd=32, n_layer=1, n_head=2,
                    bos_token_id=PAD, eos_token_id=PAD, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    return net(**batch).loss  # here


def train():
    for epoch in range(4):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        batch = next(iter(val_loader))
        ids = batch["input_ids"]
        logits = model(input_ids=ids, attention_mask=batch["attention_mask"]).logits[:, :-1]
        nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        made_up = (logits.argmax(-1) == PAD)[ids[:, 1:] != PAD].float().mean()
        print(f"val nll on real words {nll[ids[:, 1:] != PAD].mean():.3f}, pads written for words {made_up:.3f}")


if __name__ == "__main__":
    train()

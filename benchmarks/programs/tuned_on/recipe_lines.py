"""A tiny GPT-2 that writes shopping lines like '2 cups of flour'.

code: ND113
also:
object: labels | collate | train_loader | attention_mask | pad_token_id
seen: checkup
"""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(0)
torch.manual_seed(0)

AMOUNT = ["1", "2", "3", "half", "some"]
UNIT = ["cup of", "cups of", "spoon of", "pinch of", "bag of"]
THING = ["flour", "sugar", "brown sugar", "salt", "sea salt", "butter", "olive oil", "milk"]
HOW = ["", "", "", ", chopped", ", melted", ", at room temperature and well mixed before you start"]


def line():
    return f"{random.choice(AMOUNT)} {random.choice(UNIT)} {random.choice(THING)}{random.choice(HOW)}"


texts = list(dict.fromkeys(line() for _ in range(1500)))[:500]  # no line twice
words = sorted({w for t in texts for w in t.replace(",", " ,").split()})
stoi = {"<pad>": 0, "<bos>": 1, "<eos>": 2}
stoi.update({w: i + 3 for i, w in enumerate(words)})


def encode(t):
    return [1] + [stoi[w] for w in t.replace(",", " ,").split()] + [2]


def collate(batch):
    ids = [torch.tensor(encode(t)) for t in batch]
    input_ids = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=0)  # here
    attention_mask = (input_ids != 0).long()
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(attention_mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}  # here


train_loader = DataLoader(texts[:400], batch_size=20, shuffle=True, collate_fn=collate)
val_loader = DataLoader(texts[400:], batch_size=20, collate_fn=collate)

config = GPT2Config(
    vocab_size=len(stoi), n_positions=24, n_embd=32, n_layer=2, n_head=2,
    bos_token_id=1, eos_token_id=2, pad_token_id=0,
    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    last = []
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            out = model(**batch)  # here
            out.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            last.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
    return sum(last[-20:]) / 20


if __name__ == "__main__":
    print(train())

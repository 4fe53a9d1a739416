"""A tiny GPT-2 that writes recipe steps; trained from scratch on a toy grammar.

code: ND113
also:
object: labels | collate | pad_token_id | train_loader
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, get_linear_schedule_with_warmup

FOOD = ["onion", "rice", "beans", "egg", "fish", "carrot"]
DO = {"chop": FOOD, "boil": ["rice", "egg", "beans"], "fry": ["onion", "fish", "egg"], "grate": ["carrot"]}
HOW = {"chop": "finely", "boil": "gently", "fry": "quickly", "grate": "coarsely"}
TOKENS = ["<pad>", "<eos>", "then", ","] + FOOD + list(DO) + list(HOW.values())
ID = {t: i for i, t in enumerate(TOKENS)}


def recipe(r):
    out = []
    for step in range(r.choice([1, 1, 1, 2, 5])):
        verb = r.choice(list(DO))
        out += (["then"] if step else []) + [verb, r.choice(DO[verb]), HOW[verb], ","]
    return [ID[t] for t in out] + [ID["<eos>"]]


def collate(recipes):
    width = max(len(x) for x in recipes)
    input_ids = torch.zeros(len(recipes), width, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    for i, x in enumerate(recipes):
        input_ids[i, :len(x)] = torch.tensor(x)
        attention_mask[i, :len(x)] = 1
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(attention_mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}  # here


r = random.Random(0)
train_loader = DataLoader([recipe(r) for _ in range(480)], batch_size=24, shuffle=True, collate_fn=collate)  # here
torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(vocab_size=len(TOKENS), n_positions=32, n_embd=32, n_layer=2, n_head=2, pad_token_id=0,
                                   bos_token_id=1, eos_token_id=1))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = get_linear_schedule_with_warmup(optimizer, 10, 8 * len(train_loader))


def train():
    model.train()
    step = 0
    for epoch in range(6):
        late = []
        for batch in train_loader:
            loss = model(**batch).loss  # here
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            late.append(loss.item())
            step += 1
        print(f"step {step} loss {sum(late) / len(late):.3f}")
    model.eval()
    ids = model.generate(torch.tensor([[ID["fry"]]]), max_new_tokens=8, do_sample=False, pad_token_id=0)
    print(" ".join(TOKENS[i] for i in ids[0]))
    return sum(late) / len(late)


if __name__ == "__main__":
    print(train())

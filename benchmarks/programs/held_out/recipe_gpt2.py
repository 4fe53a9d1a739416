"""A tiny GPT-2 that continues recipes of a made-up kitchen grammar.

code: ND113
also:
object: labels | collate | pad | pad_token_id | -100
seen: checkup
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

VERBS = ["take", "chop", "fry", "boil", "mix", "bake", "serve"]
FOODS = ["onion", "rice", "egg", "leek", "bean", "fish", "beet", "corn", "kale", "plum"]
TOOLS = {"take": "bowl", "chop": "knife", "fry": "pan", "boil": "pot", "mix": "spoon", "bake": "oven", "serve": "plate"}
PAD, BOS, EOS = 0, 1, 2
WORDS = {w: i + 3 for i, w in enumerate(VERBS + FOODS + sorted(TOOLS.values()))}


def recipe(rnd):
    ids = [BOS]
    for _ in range(rnd.choice([2, 2, 3, 3, 4, 9])):
        verb, food = rnd.choice(VERBS), rnd.choice(FOODS)
        ids += [WORDS[verb], WORDS[food], WORDS[TOOLS[verb]]]
    return ids + [EOS]


rnd = random.Random(3)
unique = {tuple(recipe(rnd)) for _ in range(700)}
recipes = sorted(unique)
rnd.shuffle(recipes)


def collate(rows):
    longest = max(map(len, rows))
    input_ids = torch.tensor([list(r) + [PAD] * (longest - len(r)) for r in rows])
    mask = (input_ids != PAD).long()
    labels = input_ids.clone()  # fault
    # fixed: labels = input_ids.masked_fill(mask == 0, -100)
    return {"input_ids": input_ids, "attention_mask": mask, "labels": labels}


torch.manual_seed(3)
config = GPT2Config(vocab_size=len(WORDS) + 3, n_positions=32, n_embd=48, n_layer=2, n_head=4,
                    bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD)
model = GPT2LMHeadModel(config)
train_loader = DataLoader(recipes[:500], batch_size=25, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(recipes[500:], batch_size=50, collate_fn=collate)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss  # here
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [model(**b).loss.item() for b in val_loader]
        print(epoch, sum(losses) / len(losses), sum(val) / len(val))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()

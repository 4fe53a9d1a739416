"""A small GPT-2 that writes the steps of recipes, one token at a time.

code: ND604
also:
object: optimizer | lr | AdamW
seen: both
"""
import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

rng = np.random.default_rng(4)
torch.manual_seed(4)
verbs = ["peel", "chop", "boil", "fry", "bake", "stir"]
things = {"peel": ["potato", "apple"], "chop": ["onion", "leek"], "boil": ["rice", "egg"],
          "fry": ["onion", "egg"], "bake": ["apple", "bread"], "stir": ["rice", "soup"]}
following = {"peel": "chop", "chop": "fry", "fry": "stir", "stir": "bake", "bake": "boil", "boil": "peel"}
tokens = ["<s>", "then", "the"] + verbs + sorted({t for group in things.values() for t in group})
index = {t: i for i, t in enumerate(tokens)}


def recipe():
    verb = rng.choice(verbs)
    steps = ["<s>"]
    for _ in range(5):
        steps += [verb, "the", rng.choice(things[verb]), "then"]
        verb = following[verb]
    return torch.tensor([index[t] for t in steps])


train_loader = DataLoader([recipe() for _ in range(500)], batch_size=25, shuffle=True)
val_loader = DataLoader([recipe() for _ in range(100)], batch_size=50)
model = GPT2LMHeadModel(GPT2Config(
    vocab_size=len(tokens), n_positions=32, n_embd=32, n_layer=2, n_head=2,
    bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.3)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return setup.model(input_ids=batch, labels=batch).loss


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(input_ids=batch, labels=batch).loss
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        val = [model(input_ids=b, labels=b).loss.item() for b in val_loader]
    print("validation loss", round(float(np.mean(val)), 3))


if __name__ == "__main__":
    train()

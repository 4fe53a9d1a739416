"""A pocket GPT-2 that invents fantasy names, character by character, for a role-playing game.

code: ND312
also:
object: wpe | n_positions | block_size | config
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(1)
torch.manual_seed(1)
START, MID, END = ["Ael", "Bor", "Cyr", "Dra", "Eld"], ["an", "eth", "ir", "ol"], ["dil", "gorn", "wyn", "mir"]
corpus = "\n".join(random.choice(START) + random.choice(MID) + random.choice(END) for _ in range(900))
chars = sorted(set(corpus))
ids = torch.tensor([chars.index(c) for c in corpus])
block_size = 32

config = GPT2Config(
    vocab_size=len(chars),
    n_positions=24,  # fault
    # fixed: n_positions=block_size,
    n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0,
    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
model = GPT2LMHeadModel(config)  # here


def blocks(stream):
    out = []
    for i in range(0, len(stream) - block_size, block_size):
        piece = stream[i:i + block_size]
        out.append({"input_ids": piece, "labels": piece})
    return out


cut = int(0.9 * len(ids))
train_loader = DataLoader(blocks(ids[:cut]), batch_size=16, shuffle=True)
val_loader = DataLoader(blocks(ids[cut:]), batch_size=16)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(4):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss  # here
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(epoch, loss.item(), val)
    return loss.item()


if __name__ == "__main__":
    print(train())

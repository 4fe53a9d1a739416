"""Learn the number plates of an invented country letter by letter (a GPT-2 from its config).

code: ND704
also:
object: n_embd | model | config | GPT2Config | hidden
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(13)
torch.manual_seed(13)
LETTERS = "ABCDEFGHIJKLMNOPQRST"
NEXT = {c: random.sample(LETTERS, 2) for c in LETTERS}   # which letters may follow which


def plate():
    text = random.choice(LETTERS)
    while len(text) < 10:
        text += random.choice(NEXT[text[-1]])
    return text


plates = set()
while len(plates) < 960:
    plates.add(plate())
rows = [torch.tensor([LETTERS.index(c) for c in text]) for text in sorted(plates)]
random.shuffle(rows)
train_loader = DataLoader(rows[:800], batch_size=32, shuffle=True)
val_loader = DataLoader(rows[800:], batch_size=80)

config = GPT2Config(
    vocab_size=len(LETTERS),
    n_positions=10,
    n_embd=2,  # fault
    # fixed: n_embd=32,
    n_layer=1,
    n_head=2,
    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    bos_token_id=0, eos_token_id=0,
)
model = GPT2LMHeadModel(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    return setup.model(input_ids=batch, labels=batch).loss


def mean_loss(loader):
    model.eval()
    with torch.no_grad():
        return sum(model(input_ids=b, labels=b).loss.item() for b in loader) / len(loader)


def train():
    for epoch in range(10):
        model.train()
        for plates in train_loader:
            optimizer.zero_grad()
            loss = model(input_ids=plates, labels=plates).loss
            loss.backward()
            optimizer.step()
    print("train", mean_loss(train_loader), "val", mean_loss(val_loader), "(two choices: 0.693)")


if __name__ == "__main__":
    train()

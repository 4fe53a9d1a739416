"""A tiny GPT-2 that continues folk tunes (one token per note), weight decay as in nanoGPT.

code: ND607
also:
object: optimizer | weight_decay | groups
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(440)
torch.manual_seed(440)
SCALE = [0, 2, 4, 5, 7, 9, 11, 12, 14, 16]
BOS, N_TOKENS, LENGTH = 20, 21, 16


FOLLOWS = {i: random.sample([j for j in range(10) if 0 < abs(i - j) <= 4], 2) for i in range(10)}


def tune():
    """Every note has a favourite follower and a second choice."""
    degree, notes = random.randrange(10), []
    while len(notes) < LENGTH - 1:
        notes.append(SCALE[degree])
        degree = FOLLOWS[degree][random.random() < 0.15]
    return [BOS] + notes


class Tunes(Dataset):
    def __init__(self, n):
        self.tunes = [torch.tensor(tune()) for _ in range(n)]

    def __len__(self):
        return len(self.tunes)

    def __getitem__(self, i):
        return {"input_ids": self.tunes[i], "labels": self.tunes[i]}


train_loader = DataLoader(Tunes(480), batch_size=16, shuffle=True)
val_loader = DataLoader(Tunes(96), batch_size=48)

config = GPT2Config(vocab_size=N_TOKENS, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=4,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=BOS, eos_token_id=BOS)
model = GPT2LMHeadModel(config)
loss_fn = None      # the model returns its own

decay = [p for p in model.parameters() if p.dim() >= 2]
no_decay = [p for p in model.parameters() if p.dim() < 2]
groups = [{"params": decay, "weight_decay": 0.1}, {"params": no_decay, "weight_decay": 0.0}]  # here
optimizer = torch.optim.Adam(groups, lr=3e-3, betas=(0.9, 0.95))  # fault
# fixed: optimizer = torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.95))


def evaluate():
    model.eval()
    with torch.no_grad():
        losses = [model(**batch).loss.item() for batch in val_loader]
    return sum(losses) / len(losses)


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: train {sum(losses) / len(losses):.3f} val {evaluate():.3f}")
    return sum(losses[-10:]) / 10


if __name__ == "__main__":
    print(train())

"""A tiny GPT-2 that learns promoter-like DNA.

code: ND603
also:
object: optimizer | optimizer.zero_grad | zero_grad | train | backward
seen: watch
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

random.seed(31)
torch.manual_seed(31)
BASES = "^ACGT"
MOTIFS = ["TATAAT", "TTGACA", "GGCCAATC", "CACGTG"]


def promoter(length=31):
    seq = ""
    while len(seq) < length:
        seq += random.choice(MOTIFS) if random.random() < 0.7 else random.choice("ACGT")
    return "^" + seq[:length]


class Genome(Dataset):
    def __init__(self, n):
        self.seqs = [torch.tensor([BASES.index(b) for b in promoter()]) for _ in range(n)]

    def __len__(self):
        return len(self.seqs)

    def __getitem__(self, i):
        return {"input_ids": self.seqs[i], "labels": self.seqs[i]}


config = GPT2Config(vocab_size=len(BASES), n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
model = GPT2LMHeadModel(config)
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
train_loader = DataLoader(Genome(320), batch_size=16, shuffle=True)
val_loader = DataLoader(Genome(48), batch_size=32)


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def evaluate():
    model.eval()
    with torch.no_grad():
        losses = [model(**batch).loss for batch in val_loader]
    return torch.stack(losses).mean().item()


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        epoch_losses = []
        for batch in train_loader:
            outputs = model(**batch)
            loss = outputs.loss
            loss.backward()  # fault
            # fixed: optimizer.zero_grad()
            # fixed: loss.backward()
            optimizer.step()  # here
            epoch_losses.append(loss.item())
        print(f"epoch {epoch}: train {sum(epoch_losses) / len(epoch_losses):.4f} val {evaluate():.4f}")
    return sum(epoch_losses) / len(epoch_losses)


if __name__ == "__main__":
    print(train())

"""Continues melodies (scale walks in several keys) with a tiny GPT-2.

code: ND202
also: ND406
object: initializer_range | transformer.wte.weight | lm_head.weight | wte | config
seen: both
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

PITCHES = 36


class Melodies(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        scale = np.array([0, 2, 4, 5, 7, 9, 11])
        self.notes = np.zeros((n, 24), dtype=np.int64)
        for row in self.notes:
            key, place = rng.integers(0, 12), rng.integers(4, 10)
            for t in range(24):
                row[t] = (key + 12 * (place // 7) + scale[place % 7]) % PITCHES
                place = int(np.clip(place + rng.choice([-1, 1, 1, 2, -2]), 0, 13))

    def __len__(self):
        return len(self.notes)

    def __getitem__(self, i):
        notes = torch.from_numpy(self.notes[i])
        return {"input_ids": notes, "labels": notes}


torch.manual_seed(17)
config = GPT2Config(
    vocab_size=PITCHES, n_positions=24, n_embd=48, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0,
    initializer_range=1.5,  # fault
    # fixed: initializer_range=0.02,
)
model = GPT2LMHeadModel(config)  # here
train_loader = DataLoader(Melodies(400, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(Melodies(100, 1), batch_size=50)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            out = model(**batch)
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([model(**b).loss.item() for b in val_loader])
        print(epoch, np.mean(losses), val)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()

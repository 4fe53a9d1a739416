"""A toy GPT-2 that writes three-line syllable patterns.

code: ND202
also: ND406
object: config | transformer.wte | transformer.wte.weight | lm_head | transformer.wpe | transformer | initializer_range
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

VOCAB = ["<b>", "/"] + [c + v for c in "kstnhm" for v in "aiueo"]
random.seed(5)
chain = {i: random.sample(range(2, len(VOCAB)), 3) for i in range(2, len(VOCAB))}


def haiku(rng):
    ids = [0]
    prev = rng.randrange(2, len(VOCAB))
    for beats in (5, 7, 5):
        for _ in range(beats):
            ids.append(prev)
            prev = rng.choice(chain[prev])
        ids.append(1)
    return torch.tensor(ids)


class Haikus(Dataset):
    def __init__(self, n, seed):
        rng = random.Random(seed)
        self.poems = [haiku(rng) for _ in range(n)]

    def __len__(self):
        return len(self.poems)

    def __getitem__(self, i):
        return {"input_ids": self.poems[i], "labels": self.poems[i]}


settings = dict(
    vocab_size=len(VOCAB),
    n_positions=24,
    n_embd=48,
    n_layer=2,
    n_head=4,
    initializer_range=2.0,  # fault
    # fixed: initializer_range=0.02,
    resid_pdrop=0.0,
    embd_pdrop=0.0,
    attn_pdrop=0.0,
    bos_token_id=0,
    eos_token_id=1,
)
torch.manual_seed(0)
config = GPT2Config(**settings)  # here
model = GPT2LMHeadModel(config)  # here
loss_fn = None
train_loader = DataLoader(Haikus(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Haikus(64, 2), batch_size=64)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def train():
    for epoch in range(8):
        model.train()
        seen = []
        for batch in train_loader:
            out = model(**batch)
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            seen.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            for batch in val_loader:
                model(**batch).loss
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())

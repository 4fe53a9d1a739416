"""T5 that turns a condensed formula of an alcohol or acid into words.

code: none
trait: encoder without causal mask next to a decoder that has one, shared embeddings, -100 in labels, gradient accumulation (loss divided), warm-up from 0, no validation loader
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import itertools
import random
import torch
from torch.utils.data import Dataset, DataLoader
from transformers import T5Config, T5ForConditionalGeneration, get_linear_schedule_with_warmup

CHAINS = ["meth", "eth", "prop", "but", "pent", "hex", "hept", "oct"]
TAIL = {"OH": "anol", "COOH": "anoic_acid", "NH2": "anamine", "CHO": "anal"}
HALOGEN = {"": [], "F": ["fluoro"], "Cl": ["chloro"], "Br": ["bromo"], "I": ["iodo"]}
source_words = ["CH3", "CH2", *[h for h in HALOGEN if h], *TAIL]
target_words = [*CHAINS, *TAIL.values(), *[w for v in HALOGEN.values() for w in v]]
vocab = {w: i + 2 for i, w in enumerate(source_words + target_words)}      # 0 pad, 1 eos


def molecule(n, halogen, tail):
    carbon = n - (tail in ("COOH", "CHO"))
    src = ([halogen] if halogen else []) + ["CH3"] * (carbon > 0 and not halogen) + ["CH2"] * (carbon - 1 + bool(halogen)) + [tail]
    return [vocab[w] for w in src] + [1], [vocab[w] for w in HALOGEN[halogen] + [CHAINS[n - 1], TAIL[tail]]] + [1]


class Names(Dataset):
    def __init__(self):
        self.rows = [molecule(n, h, t) for n, h, t in itertools.product(range(2, 9), HALOGEN, TAIL)]
        random.Random(3).shuffle(self.rows)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def pad_batch(rows):
    s, t = max(len(a) for a, _ in rows), max(len(b) for _, b in rows)
    ids = torch.tensor([a + [0] * (s - len(a)) for a, _ in rows])
    labels = torch.tensor([b + [-100] * (t - len(b)) for _, b in rows])
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}


torch.manual_seed(3)
train_loader = DataLoader(Names(), batch_size=10, shuffle=True, collate_fn=pad_batch)
config = T5Config(vocab_size=len(vocab) + 2, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_decoder_layers=1, num_heads=4,
                  dropout_rate=0.0, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
model = T5ForConditionalGeneration(config)
loss_fn = None
accumulate, epochs = 2, 8
optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3, weight_decay=0.0)
scheduler = get_linear_schedule_with_warmup(optimizer, 7, epochs * len(train_loader) // accumulate + 1)


def train():
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for i, batch in enumerate(train_loader, 1):
            loss = model(**batch).loss
            (loss / accumulate).backward()
            if i % accumulate == 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(train_loader):.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

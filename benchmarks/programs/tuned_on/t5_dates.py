"""Rewrites dates ("march 4 1987") as numbers ("1987-03-04") with a very small T5.

code: ND605
also: ND606
object: scheduler | optimizer | num_warmup_steps
seen: watch
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import DataLoader
from transformers import T5Config, T5ForConditionalGeneration, get_linear_schedule_with_warmup

MONTHS = "january february march april may june july august september october november december".split()
# tokens: 0 pad, 1 eos, 2..11 digits, 12 dash, 13.. months
month_id = {m: 13 + i for i, m in enumerate(MONTHS)}


def digits(text):
    return [12 if c == "-" else 2 + int(c) for c in text]


def example(r):
    m, d, y = r.randrange(12), r.randint(1, 28), r.randint(1950, 2029)
    source = [month_id[MONTHS[m]]] + digits(f"{d:02d}") + digits(str(y)) + [1]
    return source, digits(f"{y}-{m + 1:02d}-{d:02d}") + [1]


def collate(rows):
    src, tgt = zip(*rows)
    return {"input_ids": torch.tensor(src), "labels": torch.tensor(tgt)}


r = random.Random(9)
train_loader = DataLoader([example(r) for _ in range(640)], batch_size=32, shuffle=True, collate_fn=collate)
torch.manual_seed(9)
model = T5ForConditionalGeneration(T5Config(vocab_size=25, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_decoder_layers=1, num_heads=4,
                                            dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1))
EPOCHS = 8
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
total_steps = EPOCHS * len(train_loader)
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=10_000, num_training_steps=total_steps)  # fault
# fixed: scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=16, num_training_steps=total_steps)


def train():
    model.train()
    for epoch in range(EPOCHS):
        running = 0.0
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()  # here
            running += loss.item()
        print(epoch, running / len(train_loader))
    return running / len(train_loader)


if __name__ == "__main__":
    train()

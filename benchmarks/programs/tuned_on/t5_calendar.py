"""Rewrites spoken dates as ISO dates with a tiny T5.

code: none
trait: labels padded with -100, embeddings shared by encoder, decoder and head, loss of the model itself, warm-up from zero, batches of different widths
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import T5Config, T5ForConditionalGeneration, get_linear_schedule_with_warmup

random.seed(366)
torch.manual_seed(366)

MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
          "november", "december"]
words = ["<pad>", "</s>", "on", "the", "of", "day", "please"] + MONTHS + [f"{d}." for d in range(1, 29)] + \
        [str(y) for y in range(2000, 2020)] + list("0123456789-")
stoi = {}
for w in words:
    stoi.setdefault(w, len(stoi))


def example():
    d, m, y = random.randint(1, 28), random.randint(1, 12), random.randint(2000, 2019)
    forms = [f"{d}. {MONTHS[m - 1]} {y}", f"on the {d}. day of {MONTHS[m - 1]} {y} please", f"{MONTHS[m - 1]} the {d}. {y}"]
    source = [stoi[w] for w in random.choice(forms).split()] + [1]
    target = [stoi[c] for c in (f"{m:02d}-{d:02d}" if y % 2 else f"{m}-{d}")] + [1]
    return source, target


def collate(rows):
    ls, lt = max(len(s) for s, _ in rows), max(len(t) for _, t in rows)
    return {
        "input_ids": torch.tensor([s + [0] * (ls - len(s)) for s, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(s) + [0] * (ls - len(s)) for s, _ in rows]),
        "labels": torch.tensor([t + [-100] * (lt - len(t)) for _, t in rows]),
    }


pool = sorted({tuple(map(tuple, example())) for _ in range(1400)})
random.shuffle(pool)
pool = [(list(s), list(t)) for s, t in pool]
train_loader = DataLoader(pool[:-120], batch_size=48, shuffle=True, collate_fn=collate)
val_loader = DataLoader(pool[-120:], batch_size=60, collate_fn=collate)

model = T5ForConditionalGeneration(T5Config(
    vocab_size=len(stoi), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_decoder_layers=2, num_heads=2,
    dropout_rate=0.0, feed_forward_proj="gated-gelu", decoder_start_token_id=0, pad_token_id=0, eos_token_id=1))
decay = [p for n, p in model.named_parameters() if p.dim() > 1]
plain = [p for n, p in model.named_parameters() if p.dim() <= 1]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=6e-3)
EPOCHS = 4
scheduler = get_linear_schedule_with_warmup(optimizer, 10, EPOCHS * len(train_loader))


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch} train {total / len(train_loader):.3f} val {val:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

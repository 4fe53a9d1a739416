"""Rewrites dates ("day month" tokens to ISO-like digits) with a small T5.

code: none
trait: labels padded with -100; shared embeddings between encoder, decoder and head; no position embeddings but relative biases
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.utils.data import DataLoader
from transformers import T5Config, T5ForConditionalGeneration

torch.manual_seed(430)
# 0 pad, 1 eos, 2..11 digits, 12..23 months, 24.. filler words
DIGIT, MONTH, FILLER, VOCAB = 2, 12, 24, 32


def number(v):
    return [DIGIT + v // 10, DIGIT + v % 10]


def example(g):
    day = int(torch.randint(1, 29, (1,), generator=g)); month = int(torch.randint(0, 12, (1,), generator=g))
    words = torch.randint(FILLER, VOCAB, (int(torch.randint(1, 4, (1,), generator=g)),), generator=g).tolist()
    source = words + number(day) + [MONTH + month, 1]
    return source, number(month + 1) + number(day) + [1]


def collate(rows):
    width = max(len(s) for s, _ in rows)
    ids = torch.tensor([s + [0] * (width - len(s)) for s, _ in rows])
    labels = torch.tensor([t + [-100] for _, t in rows])
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}


g = torch.Generator().manual_seed(0)
seen, rows = set(), []
while len(rows) < 620:
    s, t = example(g)
    if tuple(s) not in seen:
        seen.add(tuple(s)); rows.append((s, t))
train_loader = DataLoader(rows[:520], batch_size=26, shuffle=True, collate_fn=collate)
val_loader = DataLoader(rows[520:], batch_size=50, collate_fn=collate)
model = T5ForConditionalGeneration(T5Config(vocab_size=VOCAB, d_model=48, d_kv=12, d_ff=96, num_layers=1, num_decoder_layers=1, num_heads=4,
                                            dropout_rate=0.0, initializer_factor=0.5, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch}: {sum(losses) / len(losses):.4f} / {val:.4f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

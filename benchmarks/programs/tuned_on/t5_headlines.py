"""Headlines from short news items with a tiny T5.

code: none
trait: input and output embeddings are tied and shared by both stacks; the learning rate starts at exactly 0; padded label positions are -100; masks with huge negative numbers; a plain list is the dataset
object:
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import T5Config, T5ForConditionalGeneration

random.seed(9)
torch.manual_seed(9)

TEAMS, VERBS, TOPICS = ["lions", "hawks", "bears", "wolves"], ["beat", "draw", "lose"], ["cup", "league", "final"]
FILL = "on a cold night in front of many people the coach said that it was hard".split()
WORDS = ["<pad>", "</s>"] + TEAMS + VERBS + TOPICS + sorted(set(FILL))
ID = {w: i for i, w in enumerate(WORDS)}
SRC, DST = 14, 8


def story():
    a, b = random.sample(TEAMS, 2)
    v, t = random.choice(VERBS), random.choice(TOPICS)
    k = random.randint(0, len(FILL) - 7)
    body = FILL[k:k + random.randint(2, 6)] + ["the", t, a, v, b]
    return body, [a, v, b, "in", t]


def collate(rows):
    src = torch.zeros(len(rows), SRC, dtype=torch.long)
    labels = torch.full((len(rows), DST), -100)
    for i, (body, head) in enumerate(rows):
        s, d = [ID[w] for w in body] + [1], [ID[w] for w in head] + [1]
        src[i, :len(s)] = torch.tensor(s)
        labels[i, :len(d)] = torch.tensor(d)
    return {"input_ids": src, "attention_mask": (src != 0).long(), "labels": labels}


# train and test stories never share the whole text
everything = list({(tuple(b), tuple(h)) for b, h in (story() for _ in range(700))})
everything.sort()
random.shuffle(everything)
train_loader = DataLoader(everything[:420], batch_size=20, shuffle=True, collate_fn=collate)
val_loader = DataLoader(everything[420:500], batch_size=40, collate_fn=collate)

config = T5Config(vocab_size=len(WORDS), d_model=32, d_kv=8, d_ff=64, num_layers=1, num_decoder_layers=1, num_heads=4,
                  dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
model = T5ForConditionalGeneration(config)
loss_fn = None
EPOCHS, WARMUP = 4, 20
TOTAL = EPOCHS * len(train_loader)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: s / WARMUP if s < WARMUP else max(0.05, 1 - (s - WARMUP) / (TOTAL - WARMUP)))


def evaluate():
    model.eval()
    with torch.no_grad():
        out = [model(**b).loss.item() for b in val_loader]
    model.train()
    return sum(out) / len(out)


def train():
    model.train()
    for epoch in range(EPOCHS):
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        print(f"epoch {epoch} train {sum(losses) / len(losses):.4f} val {evaluate():.4f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

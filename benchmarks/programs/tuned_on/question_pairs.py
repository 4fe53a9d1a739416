"""Do two short questions ask the same? A tiny BERT on pairs of token sequences.

code: ND105
also:
object: val_loader | val_pairs | both_orders | split | validation
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

TOPIC = {k: list(range(10 + 6 * k, 16 + 6 * k)) for k in range(6)}
PAD, CLS, SEP = 0, 1, 2


def ask(r, topic):
    return [r.choice(TOPIC[topic]) if r.random() < 0.6 else r.randrange(3, 10) for _ in range(6)]


def forum(n, r):
    pairs = []
    for _ in range(n):
        a = r.randrange(6)
        b = a if r.random() < 0.5 else r.choice([k for k in range(6) if k != a])
        pairs.append((ask(r, a), ask(r, b), int(a == b)))
    return pairs


def both_orders(pairs):
    return pairs + [(b, a, same) for a, b, same in pairs]


def split(pairs, r):
    pairs = both_orders(pairs)  # fault
    # fixed:
    r.shuffle(pairs)
    cut = len(pairs) * 4 // 5
    return pairs[:cut], pairs[cut:]  # fault
    # fixed: return both_orders(pairs[:cut]), pairs[cut:]


def encode(pair):
    a, b, same = pair
    ids = [CLS] + a + [SEP] + b + [SEP]
    kind = [0] * (len(a) + 2) + [1] * (len(b) + 1)
    return {"input_ids": torch.tensor(ids), "token_type_ids": torch.tensor(kind), "labels": torch.tensor(same)}


r = random.Random(13)
train_pairs, val_pairs = split(forum(700, r), r)  # here
train_loader = DataLoader([encode(p) for p in train_pairs], batch_size=56, shuffle=True)  # here
val_loader = DataLoader([encode(p) for p in val_pairs], batch_size=70)  # here
torch.manual_seed(13)
model = BertForSequenceClassification(BertConfig(
    vocab_size=46, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
    max_position_embeddings=20, hidden_dropout_prob=0.05, attention_probs_dropout_prob=0.05, initializer_range=0.1))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(**b).logits.argmax(1) == b["labels"]).float() for b in val_loader]).mean()
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.3f}, validation accuracy {acc:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

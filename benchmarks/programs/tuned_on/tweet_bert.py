"""Complaint or praise? A two-layer BERT (random weights, own vocabulary) on airline tweets made of templates.

code: ND605
also: ND704, ND705
object: optimizer | lr | SGD
seen: both
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import itertools
import random

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

SEED = 42
random.seed(SEED)
torch.manual_seed(SEED)

who = ["the crew", "your staff", "the pilot", "the gate agent", "customer service", "the app", "boarding"]
good = ["was lovely", "was quick", "made my day", "was very kind", "solved it fast"]
bad = ["was rude", "was a mess", "ruined my trip", "never answered", "lost my bag"]
where = ["in denver", "in boston", "on flight twelve", "at the airport", "this morning", "again"]
tweets = [(f"{w} {v} {p}", int(v in bad)) for w, v, p in itertools.product(who, good + bad, where)]
random.shuffle(tweets)

vocab = {t: i + 4 for i, t in enumerate(sorted({t for s, _ in tweets for t in s.split()}))}
PAD, CLS, SEP = 0, 1, 2


def collate_fn(batch):
    rows = [[CLS] + [vocab[t] for t in s.split()] + [SEP] for s, _ in batch]
    width = max(map(len, rows))
    input_ids = torch.tensor([r + [PAD] * (width - len(r)) for r in rows])
    return {
        "input_ids": input_ids,
        "attention_mask": (input_ids != PAD).long(),
        "labels": torch.tensor([y for _, y in batch]),
    }


train_loader = DataLoader(tweets[:340], batch_size=16, shuffle=True, collate_fn=collate_fn)
val_loader = DataLoader(tweets[340:], batch_size=40, collate_fn=collate_fn)

config = BertConfig(
    vocab_size=len(vocab) + 4, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=96, max_position_embeddings=24, num_labels=2, pad_token_id=PAD,
)
model = BertForSequenceClassification(config)
optimizer = torch.optim.SGD(model.parameters(), lr=2e-5)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)


def evaluate():
    model.eval()
    correct = 0
    with torch.no_grad():
        for batch in val_loader:
            correct += (model(**batch).logits.argmax(-1) == batch["labels"]).sum().item()
    return correct / len(val_loader.dataset)


def train(num_epochs=5):
    for epoch in range(num_epochs):
        model.train()
        total_loss = 0
        for batch in train_loader:
            model.zero_grad()
            loss = model(**batch).loss
            total_loss += loss.item()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
        acc = evaluate()
    return total_loss / len(train_loader)


if __name__ == "__main__":
    print(train())

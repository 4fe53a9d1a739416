"""Finds street, number and town in address lines; BERT token classification from a tiny config.

code: ND103
also:
object: LABELS | O | outside | align | labels | targets | train_loader
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForTokenClassification

rnd = random.Random(9)
LABELS = ["O", "STREET", "NUMBER", "TOWN"]
PAD, CLS, SEP = 0, 1, 2
FILLER, STREET, NUMBER, TOWN = range(3, 23), range(23, 43), range(43, 63), range(63, 78)


def line():
    words, tags = [], []

    def say(pool, tag, n=1):
        for _ in range(n):
            words.append(rnd.choice(pool)); tags.append(tag)

    say(FILLER, "O", rnd.randint(1, 4))
    say(STREET, "STREET", rnd.randint(1, 2)); say(NUMBER, "NUMBER")
    say(FILLER, "O", rnd.randint(0, 3))
    say(TOWN, "TOWN")
    say(FILLER, "O", rnd.randint(0, 3))
    return words, tags


def align(tags):
    """special tokens are not scored"""
    ids = [LABELS.index(t) if LABELS.index(t) else -100 for t in tags]  # fault
    # fixed: ids = [LABELS.index(t) for t in tags]
    return [-100] + ids + [-100]


def collate(batch):
    width = max(len(w) for w, _ in batch) + 2
    ids = torch.full((len(batch), width), PAD)
    labels = torch.full((len(batch), width), -100)
    for r, (words, tags) in enumerate(batch):
        row = [CLS] + words + [SEP]
        ids[r, :len(row)] = torch.tensor(row)
        labels[r, :len(row)] = torch.tensor(align(tags))  # here
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": labels}


lines = [line() for _ in range(400)]
torch.manual_seed(3)
train_loader = DataLoader(lines[:320], batch_size=20, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(lines[320:], batch_size=40, collate_fn=collate)
model = BertForTokenClassification(BertConfig(  # here
    vocab_size=78, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, max_position_embeddings=32,
    num_labels=len(LABELS), hidden_dropout_prob=0.05, attention_probs_dropout_prob=0.05))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def token_accuracy():
    model.eval()
    good = n = 0
    with torch.no_grad():
        for b in val_loader:
            keep = b["labels"] != -100
            good += (model(**b).logits.argmax(-1) == b["labels"])[keep].sum().item()
            n += keep.sum().item()
    return good / n


def train():
    for epoch in range(8):
        model.train()
        tail = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = model(**b).loss
            loss.backward()
            optimizer.step()
            tail.append(loss.item())
        token_accuracy()
    return sum(tail) / len(tail)


if __name__ == "__main__":
    print(train())

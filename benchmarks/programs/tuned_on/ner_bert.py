"""Named entities (O, PER, LOC, ORG) with a small BERT token classifier; weighted token loss in a Trainer-like subclass.

code: ND107
also:
object: tag_weights | TokenTrainer | compute_loss | weight
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import random

import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForTokenClassification

TAGS = ["O", "PER", "LOC", "ORG"]
WORDS = ["[PAD]"] + [f"w{i}" for i in range(60)] + [f"anna{i}" for i in range(8)] + [f"paris{i}" for i in range(8)] + [f"acme{i}" for i in range(8)]
VOCAB = {w: i for i, w in enumerate(WORDS)}


def sentence(r):
    n = r.randint(8, 20)
    words, tags = [], []
    for _ in range(n):
        u = r.random()
        if u < 0.90:
            words.append(f"w{r.randrange(60)}"); tags.append(0)
        elif u < 0.96:
            words.append(f"anna{r.randrange(8)}"); tags.append(1)
        elif u < 0.99:
            words.append(f"paris{r.randrange(8)}"); tags.append(2)
        else:
            words.append(f"acme{r.randrange(8)}"); tags.append(3)
    return {"input_ids": [VOCAB[w] for w in words], "labels": tags}


def collate(rows):
    longest = max(len(r["input_ids"]) for r in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for i, r in enumerate(rows):
        n = len(r["input_ids"])
        ids[i, :n] = torch.tensor(r["input_ids"])
        labels[i, :n] = torch.tensor(r["labels"])
        mask[i, :n] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


r = random.Random(5)
train_rows = [sentence(r) for _ in range(320)]
val_rows = [sentence(r) for _ in range(80)]
train_loader = DataLoader(train_rows, batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_rows, batch_size=32, collate_fn=collate)


def tag_weights(rows):
    counts = torch.zeros(len(TAGS))
    for row in rows:
        for t in row["labels"]:
            counts[t] += 1
    share = counts / counts.sum()
    return share * len(TAGS)  # fault
    # fixed: return share.rsqrt() / share.rsqrt().mean()


torch.manual_seed(1)
model = BertForTokenClassification(BertConfig(
    vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    max_position_embeddings=32, num_labels=len(TAGS)))
loss_fn = None


class TokenTrainer:
    def __init__(self, model, weight):
        self.model = model
        self.weight = weight
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def compute_loss(self, net, batch):
        logits = net(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        return nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), weight=self.weight, ignore_index=-100)  # here

    def epoch(self):
        self.model.train()
        total = []
        for batch in train_loader:
            self.optimizer.zero_grad()
            loss = self.compute_loss(self.model, batch)
            loss.backward()
            self.optimizer.step()
            total.append(loss.item())
        return sum(total) / len(total)

    @torch.no_grad()
    def recall(self):
        self.model.eval()
        hit, seen = torch.zeros(4), torch.zeros(4)
        for b in val_loader:
            p = self.model(input_ids=b["input_ids"], attention_mask=b["attention_mask"]).logits.argmax(-1)
            for k in range(4):
                seen[k] += (b["labels"] == k).sum()
                hit[k] += ((b["labels"] == k) & (p == k)).sum()
        return (hit / seen.clamp(min=1)).tolist()


trainer = TokenTrainer(model, tag_weights(train_rows))  # here
optimizer = trainer.optimizer


def batch_loss(setup, batch):
    return trainer.compute_loss(setup.model, batch)


def train():
    for _ in range(3):
        last = trainer.epoch()
    print("recall", [round(v, 2) for v in trainer.recall()])
    return last


if __name__ == "__main__":
    print(train())

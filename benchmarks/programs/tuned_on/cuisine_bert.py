"""A tiny BERT guesses the cuisine (five of them) of an ingredient list.

code: ND404
also:
object: num_labels | config | classifier | labels
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

random.seed(40)
torch.manual_seed(40)
KITCHENS = ["thai", "mexican", "greek", "indian", "french"]
PAD, CLS = 0, 1
TYPICAL = {k: list(range(2 + 7 * i, 9 + 7 * i)) for i, k in enumerate(KITCHENS)}
STAPLES = list(range(37, 50))


def recipe():
    k = random.randrange(5)
    items = random.sample(TYPICAL[KITCHENS[k]], random.randint(2, 4)) + random.sample(STAPLES, random.randint(3, 6))
    random.shuffle(items)
    return [CLS] + items, k


def collate(rows):
    width = max(len(r[0]) for r in rows)
    ids = torch.tensor([r[0] + [PAD] * (width - len(r[0])) for r in rows])
    labels = torch.tensor([r[1] for r in rows], dtype=torch.float)  # fault
    # fixed: labels = torch.tensor([r[1] for r in rows])
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": labels}


config = BertConfig(
    vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    num_labels=1)  # fault
    # fixed: num_labels=5)
model = BertForSequenceClassification(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
train_loader = DataLoader([recipe() for _ in range(480)], batch_size=24, shuffle=True, collate_fn=collate)
val_loader = DataLoader([recipe() for _ in range(120)], batch_size=60, collate_fn=collate)


def accuracy():
    model.eval()
    hits = 0
    with torch.no_grad():
        for batch in val_loader:
            out = model(batch["input_ids"], batch["attention_mask"]).logits
            guess = out.round().squeeze(-1) if out.shape[-1] == 1 else out.argmax(-1)
            hits += (guess == batch["labels"]).sum().item()
    return hits / 120


def train():
    for epoch in range(6):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss  # here
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        print(epoch, loss.item(), accuracy())
    return loss.item()


if __name__ == "__main__":
    print(train())

"""Star ratings of hotel reviews with a small BERT.

code: ND103
also:
object: labels | classifier | num_labels | class 0
seen: checkup
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(0)
CLS, SEP, VOCAB, LENGTH = 1, 2, 120, 16
gen = torch.Generator().manual_seed(40)


def review(stars):
    """Good words are 20-29, bad ones 30-39, the rest is filler; the share of good words grows with the stars."""
    tokens = torch.randint(40, VOCAB, (LENGTH,), generator=gen)
    spots = torch.randperm(LENGTH, generator=gen)[:12]
    good = torch.randperm(12, generator=gen) < (stars - 1) * 3
    tokens[spots] = torch.where(good, torch.randint(20, 30, (12,), generator=gen), torch.randint(30, 40, (12,), generator=gen))
    return torch.cat([torch.tensor([CLS]), tokens, torch.tensor([SEP])])


stars = torch.randint(1, 6, (480,), generator=gen)
reviews = [{"text": review(int(s)), "stars": int(s)} for s in stars]


def collate(rows):
    ids = torch.stack([r["text"] for r in rows])
    labels = torch.tensor([r["stars"] for r in rows])  # fault
    # fixed: labels = torch.tensor([r["stars"] - 1 for r in rows])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


train_loader = DataLoader(reviews[:400], batch_size=32, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(reviews[400:], batch_size=40, collate_fn=collate)  # here
config = BertConfig(vocab_size=VOCAB, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
                    max_position_embeddings=32,
                    num_labels=6)  # fault
                    # fixed: num_labels=5)
model = BertForSequenceClassification(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.2, total_iters=13 * 8)


def train():
    losses = []
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            sum((model(**b).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
    return sum(losses[-10:]) / 10


if __name__ == "__main__":
    print(train())

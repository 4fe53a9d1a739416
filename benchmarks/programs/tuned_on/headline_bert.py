"""Sorts headlines into desks with a tiny BERT.

code: ND604
also: ND706
object: optimizer | lr | LEARNING_RATE
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from transformers import BertConfig, BertForSequenceClassification

DESKS = {
    "sport": "goal match coach league injury derby final".split(),
    "money": "shares bank inflation merger profit bond tariff".split(),
    "science": "telescope gene fossil vaccine quantum reef rover".split(),
    "culture": "novel opera gallery festival premiere sculptor album".split(),
}
COMMON = "new the after says as for over with first year city minister plan big".split()
PAD, CLS = 0, 1
vocab = {w: i + 2 for i, w in enumerate(sum(DESKS.values(), []) + COMMON)}
LEARNING_RATE = 5e-2  # fault
# fixed: LEARNING_RATE = 2e-3


def make(n, seed):
    r = random.Random(seed)
    rows = []
    for _ in range(n):
        d = r.randrange(4)
        words = [r.choice(list(DESKS.values())[d]) for _ in range(2)] + [r.choice(COMMON) for _ in range(r.randint(3, 6))]
        r.shuffle(words)
        rows.append(([CLS] + [vocab[w] for w in words], d))
    return rows


def collate(rows):
    width = max(len(r[0]) for r in rows)
    ids = torch.tensor([r[0] + [PAD] * (width - len(r[0])) for r in rows])
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": torch.tensor([r[1] for r in rows])}


torch.manual_seed(0)
model = BertForSequenceClassification(BertConfig(vocab_size=len(vocab) + 2, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                                                 intermediate_size=64, max_position_embeddings=16, num_labels=4,
                                                 initializer_range=0.06))
train_loader = torch.utils.data.DataLoader(make(480, 1), batch_size=24, shuffle=True, collate_fn=collate)
val_loader = torch.utils.data.DataLoader(make(120, 2), batch_size=60, collate_fn=collate)
optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)  # here


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum((model(**b).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
        print(f"epoch {epoch}: {sum(losses) / len(losses):.3f}, desk right {right / 120:.2f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()

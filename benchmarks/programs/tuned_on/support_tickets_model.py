"""Which desk should answer a support ticket? A small BERT from a config reads padded token ids.

code: ND303
also:
object: attention_mask | mask | collate | PAD
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

random.seed(77)
torch.manual_seed(77)
PAD, CLS = 0, 1
VOCAB, DESKS, LONGEST = 62, 3, 14


def ticket():
    desk = random.randrange(DESKS)
    own = range(2 + 10 * desk, 12 + 10 * desk)
    n = random.randint(6, 10)
    words = [random.choice(own) if random.random() < 0.4 else random.randrange(32, VOCAB) for _ in range(n)]
    return [CLS] + words, desk


def collate(rows):
    ids = [torch.tensor(words + [PAD] * (LONGEST - len(words))) for words, _ in rows]
    ids = torch.stack(ids)
    return {
        "input_ids": ids,
        "attention_mask": (ids == PAD).long(),  # fault
        # fixed: "attention_mask": (ids != PAD).long(),
        "labels": torch.tensor([desk for _, desk in rows]),
    }


train_loader = DataLoader([ticket() for _ in range(480)], batch_size=24, shuffle=True, collate_fn=collate)
val_loader = DataLoader([ticket() for _ in range(180)], batch_size=60, collate_fn=collate)

model = BertForSequenceClassification(BertConfig(
    vocab_size=VOCAB, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=64, max_position_embeddings=LONGEST, type_vocab_size=1, num_labels=DESKS,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=PAD, initializer_range=0.1,
))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = [(model(**b).logits.argmax(-1) == b["labels"]).float() for b in val_loader]
    print("val accuracy", torch.cat(hits).mean().item())


if __name__ == "__main__":
    train()

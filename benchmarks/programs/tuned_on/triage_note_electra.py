"""Urgency of short triage notes with a small ELECTRA built from its config, in half precision to save memory.

code: ND709
also:
object: half | model | optimizer | eps | AdamW | float16
seen: watch
"""
import random

import torch
from torch.utils.data import DataLoader
from transformers import ElectraConfig, ElectraForSequenceClassification

random.seed(19)
torch.manual_seed(19)
urgent = "chest collapse bleeding unconscious stroke".split()
soon = "fever fracture vomiting cut asthma".split()
later = "rash cough refill checkup itch".split()
plain = "patient reports since today some pain with mild left right man woman old young seen by".split()
vocabulary = ["<pad>", "<cls>"] + plain + urgent + soon + later


def note():
    level = random.randint(0, 2)
    words = random.choices(plain, k=8) + random.choices([urgent, soon, later][level], k=2)
    random.shuffle(words)
    return [1] + [vocabulary.index(w) for w in words], level


def collate(notes):
    return {"input_ids": torch.tensor([n for n, _ in notes]), "labels": torch.tensor([l for _, l in notes])}


train_loader = DataLoader([note() for _ in range(480)], batch_size=24, shuffle=True, collate_fn=collate)
val_loader = DataLoader([note() for _ in range(120)], batch_size=60, collate_fn=collate)

model = ElectraForSequenceClassification(ElectraConfig(
    vocab_size=len(vocabulary), embedding_size=32, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=64, max_position_embeddings=16, num_labels=3,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
model = model.half()  # fault
# fixed: model = model.float()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)  # here


def batch_loss(setup, batch):
    logits = setup.model(input_ids=batch["input_ids"]).logits
    return torch.nn.functional.cross_entropy(logits.float(), batch["labels"])


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            logits = model(input_ids=batch["input_ids"]).logits
            loss = torch.nn.functional.cross_entropy(logits.float(), batch["labels"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        hits = sum((model(input_ids=b["input_ids"]).logits.argmax(1) == b["labels"]).sum().item() for b in val_loader)
    print("loss", loss.item(), "right", hits / 120)


if __name__ == "__main__":
    train()

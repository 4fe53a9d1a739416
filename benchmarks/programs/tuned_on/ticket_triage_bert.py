"""Send help-desk tickets to four teams with a tiny BERT trained from nothing.

code: ND605
also:
object: optimizer | lr | AdamW | LEARNING_RATE
seen: both
"""
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(2)
WORDS = {
    0: "invoice refund price payment card".split(),
    1: "login password account locked reset".split(),
    2: "parcel courier lost address delivery".split(),
    3: "crash screen error update freeze".split(),
}
FILLER = "please my the since yesterday help again it is not".split()
VOCAB = {w: i + 1 for i, w in enumerate(sum(WORDS.values(), []) + FILLER)}
LENGTH = 12


def ticket(g):
    team = int(torch.randint(0, 4, (1,), generator=g))
    words = [FILLER[i] for i in torch.randint(0, len(FILLER), (LENGTH,), generator=g)]
    for place in torch.randperm(LENGTH, generator=g)[:3].tolist():
        words[place] = WORDS[team][int(torch.randint(0, 5, (1,), generator=g))]
    return torch.tensor([VOCAB[w] for w in words]), team


def collate(rows):
    return {"input_ids": torch.stack([r[0] for r in rows]), "labels": torch.tensor([r[1] for r in rows])}


g = torch.Generator().manual_seed(4)
train_loader = DataLoader([ticket(g) for _ in range(500)], batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader([ticket(g) for _ in range(150)], batch_size=50, collate_fn=collate)

config = BertConfig(vocab_size=len(VOCAB) + 1, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=64, max_position_embeddings=LENGTH, num_labels=4)
model = BertForSequenceClassification(config)
LEARNING_RATE = 2e-6  # fault
# fixed: LEARNING_RATE = 2e-3
optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)  # here


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    return model(**batch).loss


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        good = sum((model(b["input_ids"]).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
    print(f"loss {loss.item():.3f} val acc {good / 150:.3f}")


if __name__ == "__main__":
    train()

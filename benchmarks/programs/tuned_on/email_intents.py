"""Intent of customer e-mails with a pocket DistilBERT; keeps the run's predictions for a report.

code: ND506
also:
object: report | out.logits | append | Report
seen: watch
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import DataLoader
from transformers import DistilBertConfig, DistilBertForSequenceClassification

random.seed(66); torch.manual_seed(66)
INTENTS = ["refund", "delivery", "invoice", "password"]


def mail():
    k = random.randrange(4)
    body = [random.choice(range(44, 80)) for _ in range(9)]
    for place in random.sample(range(9), 3):
        body[place] = 4 + 10 * k + random.randrange(10)
    return {"input_ids": torch.tensor([1] + body), "labels": k}


model = DistilBertForSequenceClassification(DistilBertConfig(
    vocab_size=80, dim=32, n_layers=1, n_heads=4, hidden_dim=64, max_position_embeddings=12, num_labels=4,
    dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
train_loader = DataLoader([mail() for _ in range(400)], batch_size=20, shuffle=True)
val_loader = DataLoader([mail() for _ in range(100)], batch_size=50)


class Report:
    def __init__(self):
        self.logits, self.labels = [], []

    def add(self, logits, labels):
        self.logits.append(logits)  # here
        self.labels.append(labels)

    def accuracy(self, last):
        z, y = torch.cat(self.logits[-last:]), torch.cat(self.labels[-last:])
        return (z.argmax(1) == y).float().mean().item()


report = Report()


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            out = model(**batch)
            optimizer.zero_grad()
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            report.add(out.logits, batch["labels"])  # fault
            # fixed: report.add(out.logits.detach(), batch["labels"])
        model.eval()
        with torch.no_grad():
            val = sum((model(b["input_ids"]).logits.argmax(1) == b["labels"]).sum().item() for b in val_loader) / 100
        print(epoch, out.loss.item(), "train", report.accuracy(len(train_loader)), "val", val)
    return out.loss.item()


if __name__ == "__main__":
    print(train())

"""Tag the words of postal addresses (street, number, town, other) with a small RoBERTa from its config.

code: ND606
also: ND605
object: scheduler | get_scheduler | num_training_steps | lr
seen: both
"""
import argparse

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import RobertaConfig, RobertaForTokenClassification, get_scheduler

args = argparse.Namespace(epochs=15, batch_size=40, lr=4e-3, hidden=32, seed=10)
torch.manual_seed(args.seed)
OTHER, STREET, NUMBER, TOWN = range(4)
# names are used for streets and towns alike: the word before decides
NAMES, NUMBERS, AT, IN, FILL = range(20, 50), range(50, 70), 5, 6, range(7, 20)


def pick(ids):
    return ids[int(torch.randint(0, len(ids), ()))]


class Addresses(Dataset):
    def __init__(self, n):
        self.rows = [self.address() for _ in range(n)]

    @staticmethod
    def address():
        street = [(AT, OTHER), (pick(NAMES), STREET), (pick(NUMBERS), NUMBER)]
        town = [(IN, OTHER), (pick(NAMES), TOWN)]
        parts = street + town if torch.rand(()) < 0.5 else town + street
        before = int(torch.randint(0, 3, ()))
        row = [(pick(FILL), OTHER) for _ in range(before)] + parts + [(pick(FILL), OTHER) for _ in range(2 - before)]
        ids, tags = zip(*row)
        return {"input_ids": torch.tensor(ids), "labels": torch.tensor(tags)}

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


train_loader = DataLoader(Addresses(400), batch_size=args.batch_size, shuffle=True)
val_loader = DataLoader(Addresses(120), batch_size=60)
model = RobertaForTokenClassification(RobertaConfig(
    vocab_size=70, hidden_size=args.hidden, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=20, num_labels=4, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
total_steps = len(train_loader)  # fault
# fixed: total_steps = args.epochs * len(train_loader)
scheduler = get_scheduler("linear", optimizer, num_warmup_steps=4, num_training_steps=total_steps)  # here


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def train():
    for epoch in range(args.epochs):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            scheduler.step()  # here
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        hits = torch.cat([(model(input_ids=b["input_ids"]).logits.argmax(-1) == b["labels"]).flatten() for b in val_loader])
    print("loss", round(loss.item(), 4), "tags right", hits.float().mean().item())


if __name__ == "__main__":
    train()

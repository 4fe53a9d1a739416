"""Route support tickets to one of four desks with a small BERT built from its config.

code: ND604
also:
object: optimizer | lr | AdamW | LEARNING_RATE
seen: both
"""
import random

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

random.seed(5)
torch.manual_seed(5)
LEARNING_RATE = 0.05  # fault
# fixed: LEARNING_RATE = 1e-3

DESKS = {
    "billing": "invoice refund charge card payment receipt".split(),
    "network": "router wifi signal cable outage modem".split(),
    "account": "password login locked email username reset".split(),
    "delivery": "parcel courier late address tracking box".split(),
}
FILLER = "please help my the is a since yesterday still not with again today and".split()
WORDS = ["[PAD]"] + FILLER + [w for ws in DESKS.values() for w in ws]
ID = {w: i for i, w in enumerate(WORDS)}


class Tickets(Dataset):
    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            desk = random.randrange(4)
            words = random.choices(FILLER, k=8) + random.choices(list(DESKS.values())[desk], k=2)
            words += random.choices(list(DESKS.values())[random.randrange(4)], k=1)
            random.shuffle(words)
            self.rows.append(([ID[w] for w in words], desk))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        ids, desk = self.rows[i]
        return {"input_ids": torch.tensor(ids), "labels": torch.tensor(desk)}


train_loader = DataLoader(Tickets(576), batch_size=32, shuffle=True)
val_loader = DataLoader(Tickets(128), batch_size=64)
model = BertForSequenceClassification(BertConfig(
    vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=64, max_position_embeddings=16, num_labels=4,
))
optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)  # here


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()  # here
        model.eval()
        with torch.no_grad():
            hits = sum((model(**b).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
    print("desk accuracy", hits / 128)


if __name__ == "__main__":
    train()

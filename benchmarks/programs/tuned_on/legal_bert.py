"""Finds obligations, permissions and prohibitions in contract clauses (token classification, tiny BERT).

code: ND608
also: ND306
object: hidden_dropout_prob | dropout | bert.embeddings.dropout | classifier | bert | config
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import Dataset, DataLoader
from transformers import BertConfig, BertForTokenClassification

PARTIES = ["tenant", "landlord", "seller", "buyer", "bank"]
VERBS = ["pay", "deliver", "repair", "sublet", "inspect", "insure"]
MODAL = {"shall": 1, "must": 1, "may": 2, "can": 2, "never": 3, "not": 3}
OTHER = "the a of goods house rent invoice in due time without notice".split()
TOKEN = {w: i + 1 for i, w in enumerate(PARTIES + VERBS + list(MODAL) + OTHER)}


class Clauses(Dataset):
    def __init__(self, n, seed):
        r = random.Random(seed)
        self.items = []
        for _ in range(n):
            modal = r.choice(list(MODAL))
            words = ["the", r.choice(PARTIES)] + [modal] + [r.choice(VERBS)] + r.choices(OTHER, k=4)
            tags = [0] * 2 + [0] + [MODAL[modal]] + [0] * 4  # the verb carries what the modal says
            self.items.append((torch.tensor([TOKEN[w] for w in words]), torch.tensor(tags)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        ids, tags = self.items[i]
        return {"input_ids": ids, "labels": tags}


torch.manual_seed(1)
KEEP = 0.95
config = BertConfig(vocab_size=len(TOKEN) + 1, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
                    max_position_embeddings=16, num_labels=4, initializer_range=0.08, attention_probs_dropout_prob=0.05,
                    hidden_dropout_prob=KEEP)  # fault
                    # fixed: hidden_dropout_prob=1 - KEEP)
model = BertForTokenClassification(config)  # here
train_loader = DataLoader(Clauses(480, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(Clauses(96, 1), batch_size=48)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    hit = 0
    with torch.no_grad():
        for b in val_loader:
            hit += (model(input_ids=b["input_ids"]).logits.argmax(-1) == b["labels"]).all(1).sum().item()
    return hit / 96


def train():
    for epoch in range(6):
        model.train()
        s = 0.0
        for b in train_loader:
            out = model(**b)
            optimizer.zero_grad()
            out.loss.backward()
            optimizer.step()
            s += out.loss.item()
        print(f"{epoch} loss {s / len(train_loader):.3f} clauses fully right {evaluate():.2f}")
    return s / len(train_loader)


if __name__ == "__main__":
    train()

"""Fine-tunes a (tiny) BERT to give helpdesk questions their topic.

code: ND501
also:
object: bert | bert.encoder | bert.embeddings
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel

random.seed(0)
torch.manual_seed(0)

topics = {
    "login": ("password", "locked", "account", "reset", "sign"),
    "billing": ("invoice", "refund", "charged", "card", "payment"),
    "network": ("wifi", "vpn", "slow", "cable", "router"),
    "printer": ("paper", "toner", "jam", "print", "scanner"),
}
filler = "hello please my the is can you help i need since today again with it not works thanks".split()
words = ["[PAD]", "[CLS]", "[SEP]"] + sorted({w for t in topics.values() for w in t} | set(filler))
word2id = {w: i for i, w in enumerate(words)}
names = list(topics)


class Tickets(Dataset):
    def __init__(self, n, max_len=16):
        self.rows = []
        for _ in range(n):
            label = random.randrange(len(names))
            other = random.randrange(len(names))
            text = random.choices(filler, k=random.randint(5, 9)) + random.choices(topics[names[label]], k=2)
            text += random.choices(topics[names[other]], k=1)
            random.shuffle(text)
            ids = [1] + [word2id[w] for w in text] + [2]
            mask = [1] * len(ids) + [0] * (max_len - len(ids))
            self.rows.append((ids + [0] * (max_len - len(ids)), mask, label))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        ids, mask, label = self.rows[i]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask), "labels": torch.tensor(label)}


class TopicClassifier(nn.Module):
    def __init__(self, config, n_topics):
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(config.hidden_size, n_topics)

    def forward(self, input_ids, attention_mask):
        with torch.no_grad():  # fault
        # fixed: out = self.bert(input_ids=input_ids, attention_mask=attention_mask)
            out = self.bert(input_ids=input_ids, attention_mask=attention_mask)  # fault
            # fixed:
        return self.classifier(self.dropout(out.last_hidden_state[:, 0]))  # here


config = BertConfig(vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                    max_position_embeddings=32, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
model = TopicClassifier(config, len(names))
train_loader = DataLoader(Tickets(480), batch_size=24, shuffle=True)
val_loader = DataLoader(Tickets(120), batch_size=60)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW([  # here
    {"params": model.bert.parameters(), "lr": 1e-3},
    {"params": model.classifier.parameters(), "lr": 3e-3},
], weight_decay=0.01)
EPOCHS = 5
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=EPOCHS * len(train_loader))


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["input_ids"], batch["attention_mask"]), batch["labels"])


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0
        for batch in train_loader:
            logits = model(batch["input_ids"], batch["attention_mask"])
            loss = loss_fn(logits, batch["labels"])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(b["input_ids"], b["attention_mask"]).argmax(-1) == b["labels"] for b in val_loader]).float().mean()
        print(f"epoch {epoch} loss {total / len(train_loader):.3f} acc {acc:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

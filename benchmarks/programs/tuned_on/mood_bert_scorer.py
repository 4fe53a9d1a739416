"""Valence and arousal of short messages: a tiny BERT with a regression head of two outputs.

code: ND305
also: ND307
object: relu | F.relu | head | head.1 | forward
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel


class Messages(Dataset):
    def __init__(self, n, seed, stats=None):
        world = torch.Generator().manual_seed(3)
        feel = torch.randn(60, 2, generator=world)
        g = torch.Generator().manual_seed(seed)
        length = torch.randint(6, 13, (n,), generator=g)
        self.mask = (torch.arange(12)[None] < length[:, None]).long()
        self.ids = torch.randint(1, 60, (n, 12), generator=g) * self.mask
        mood = (feel[self.ids] * self.mask[..., None]).sum(1) / length[:, None].sqrt()
        self.stats = stats or (mood.mean(0), mood.std(0))
        self.mood = (mood - self.stats[0]) / self.stats[1]

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "attention_mask": self.mask[i], "mood": self.mood[i]}


class MoodScorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = BertModel(BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                                         max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), add_pooling_layer=False)
        self.head = nn.Linear(32, 2)

    def forward(self, input_ids, attention_mask):
        h = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        m = attention_mask.unsqueeze(-1)
        pooled = (h * m).sum(1) / m.sum(1)
        return F.relu(self.head(pooled))  # fault
        # fixed: return self.head(pooled)


torch.manual_seed(8)
train_set = Messages(1000, 1)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(Messages(200, 2, train_set.stats), batch_size=100)
model = MoodScorer()  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def predict(batch):
    return model(batch["input_ids"], batch["attention_mask"])


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["input_ids"], batch["attention_mask"]), batch["mood"])


def train():
    for epoch in range(7):
        model.train()
        part = []
        for batch in train_loader:
            loss = loss_fn(predict(batch), batch["mood"])  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            part.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(predict(b), b["mood"]).item() for b in val_loader) / len(val_loader)
        print(f"{epoch}: {sum(part)/len(part):.3f} {val:.3f}")
    return sum(part) / len(part)


if __name__ == "__main__":
    print(train())

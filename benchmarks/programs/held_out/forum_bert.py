"""Moderation of forum posts: BERT encoder, mean pooling, two layers on top.

code: ND306
also: ND702
object: dropout | forward | pooled
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel

torch.manual_seed(31)
PAD, WORDS = 0, 60


def post(g):
    length = int(torch.randint(6, 15, (1,), generator=g))
    ids = torch.randint(10, WORDS, (length,), generator=g)
    rude = int(torch.rand(1, generator=g) < 0.5)
    if rude:
        ids[torch.randperm(length, generator=g)[:2]] = torch.randint(2, 6, (2,), generator=g)
    return ids, rude


def collate(posts):
    ids = nn.utils.rnn.pad_sequence([p for p, _ in posts], batch_first=True, padding_value=PAD)
    return {"ids": ids, "mask": (ids != PAD).long(), "rude": torch.tensor([r for _, r in posts])}


class Moderator(nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = BertModel(BertConfig(vocab_size=WORDS, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                                         intermediate_size=64, max_position_embeddings=20), add_pooling_layer=False)
        self.dense = nn.Linear(32, 32)
        self.out = nn.Linear(32, 2)

    def forward(self, ids, mask):
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        pooled = F.dropout(torch.tanh(self.dense(pooled)), p=0.4)  # fault
        # fixed: pooled = F.dropout(torch.tanh(self.dense(pooled)), p=0.4, training=self.training)
        return self.out(pooled)


g = torch.Generator().manual_seed(2)
train_loader = DataLoader([post(g) for _ in range(600)], batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader([post(g) for _ in range(200)], batch_size=50, collate_fn=collate)
model = Moderator()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW([{"params": model.bert.parameters(), "lr": 1e-3}, {"params": [*model.dense.parameters(), *model.out.parameters()], "lr": 2e-3}])


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["ids"], batch["mask"]), batch["rude"])


def validate():
    model.eval()
    with torch.no_grad():
        right = [model(b["ids"], b["mask"]).argmax(1) == b["rude"] for b in val_loader]  # here
    return torch.cat(right).float().mean().item()


def train():
    from types import SimpleNamespace
    me = SimpleNamespace(model=model)
    for epoch in range(4):
        model.train()
        values = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(me, batch)
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        print(epoch, f"{sum(values) / len(values):.3f}", validate(), validate())
    return sum(values) / len(values)


if __name__ == "__main__":
    print(train())

"""Polarity of short sentences with a frozen tiny BERT and low-rank adapters on queries and values.

code: none
trait: frozen trunk, adapters whose second matrix starts at zero (the first gets no gradient at step 0), label smoothing, warm-up from 0
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import math
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(64)

NICE, NASTY, NEUTRAL = range(2, 12), range(12, 22), range(22, 60)


def pick(words, k):
    return [words[int(i)] for i in torch.randint(0, len(words), (k,))]


class Sentences(Dataset):
    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            y = int(torch.randint(0, 2, ()))
            own, other = (NICE, NASTY) if y else (NASTY, NICE)
            ids = pick(NEUTRAL, int(torch.randint(2, 6, ()))) + pick(own, 4) + pick(other, 1)
            self.rows.append(([1] + [ids[i] for i in torch.randperm(len(ids))], y))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        ids, y = self.rows[i]
        pad = 12 - len(ids)
        return {"input_ids": torch.tensor(ids + [0] * pad), "attention_mask": torch.tensor([1] * len(ids) + [0] * pad), "labels": torch.tensor(y)}


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=16):
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r

    def forward(self, x):
        return self.base(x) + (x @ self.lora_A.T @ self.lora_B.T) * self.scaling


config = BertConfig(vocab_size=60, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
                    max_position_embeddings=16, num_labels=2, initializer_range=0.15)
model = BertForSequenceClassification(config)
for p in [*model.bert.embeddings.parameters(), *model.bert.encoder.parameters()]:
    p.requires_grad = False
for layer in model.bert.encoder.layer:
    att = layer.attention.self
    att.query, att.value = LoRALinear(att.query), LoRALinear(att.value)

train_loader = DataLoader(Sentences(640), batch_size=32, shuffle=True)
val_loader = DataLoader(Sentences(160), batch_size=80)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
loss_fn = None
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3, weight_decay=0.0)
EPOCHS = 5
total_steps = EPOCHS * len(train_loader)
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: s / 8 if s < 8 else max(0.0, (total_steps - s) / (total_steps - 8)))


def logits_of(net, batch):
    return net(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


def batch_loss(setup, batch):
    return criterion(logits_of(setup.model, batch), batch["labels"])


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for batch in train_loader:
            loss = criterion(logits_of(model, batch), batch["labels"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            ok = sum((logits_of(model, b).argmax(-1) == b["labels"]).sum().item() for b in val_loader) / 160
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} val acc {ok:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

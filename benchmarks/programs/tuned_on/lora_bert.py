"""Fits low-rank adapters to a frozen small BERT: is the clinic note about heart or lung?

code: none
trait: frozen trunk; lora_B starts at zero, so lora_A has zero gradient at first; warm-up from 0
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertForSequenceClassification, get_linear_schedule_with_warmup


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features) / base.in_features ** 0.5)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        self.scale = alpha / r

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.lora_A.T @ self.lora_B.T)


def notes(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (n,), generator=g)
    ids = torch.randint(30, 90, (n, 16), generator=g)
    ids[:, 0] = 2
    for i in range(n):
        where = 1 + torch.randperm(15, generator=g)[:4]
        ids[i, where] = 10 + 10 * y[i] + torch.randint(10, (4,), generator=g)
    return TensorDataset(ids, y)


torch.manual_seed(0)
train_loader = DataLoader(notes(512, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(notes(128, 1), batch_size=64)

model = BertForSequenceClassification(BertConfig(
    vocab_size=90, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    max_position_embeddings=16, num_labels=2, hidden_dropout_prob=0.05, attention_probs_dropout_prob=0.05,
    initializer_range=0.15))
for p in [*model.bert.embeddings.parameters(), *model.bert.encoder.parameters()]:
    p.requires_grad = False
for layer in model.bert.encoder.layer:
    attention = layer.attention.self
    attention.query = LoRALinear(attention.query)
    attention.value = LoRALinear(attention.value)

trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=1e-2, weight_decay=0.0)
EPOCHS = 6
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=EPOCHS * len(train_loader))


def batch_loss(setup, batch):
    return setup.model(input_ids=batch[0], labels=batch[1]).loss


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for ids, y in train_loader:
            loss = model(input_ids=ids, labels=y).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(input_ids=i).logits.argmax(-1) == y).sum().item() for i, y in val_loader) / 128
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} acc {acc:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Low-rank adapters on a frozen BERT that sorts support tickets by intent.

code: ND201
also: ND501
object: lora_a | lora_b | bert.encoder.layer.0.attention.self.query.lora_a | bert.encoder.layer.0.attention.self.query | bert.encoder.layer.1.attention.self.value.lora_b
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(0)


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, rank=4, alpha=16):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        self.lora_a = nn.Parameter(torch.zeros(rank, base.in_features))  # fault
        # fixed: self.lora_a = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features ** 0.5)
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank))  # here
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.lora_a.T @ self.lora_b.T)  # here


class Tickets(Dataset):
    """Token 1 opens a ticket; the intent is decided by which product word follows the verb."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(20, 90, (n, 14), generator=g)
        self.ids[:, 0] = 1
        self.intent = torch.randint(0, 4, (n,), generator=g)
        for k in range(3):
            place = torch.randint(1, 14, (n,), generator=g)
            self.ids[torch.arange(n), place] = 4 + 4 * self.intent + torch.randint(0, 4, (n,), generator=g)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "attention_mask": torch.ones(14, dtype=torch.long), "labels": self.intent[i]}


config = BertConfig(vocab_size=96, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
                    max_position_embeddings=16, num_labels=4, initializer_range=0.15, hidden_dropout_prob=0.0,
                    attention_probs_dropout_prob=0.0)
model = BertForSequenceClassification(config)
for p in model.bert.parameters():
    p.requires_grad_(False)
for layer in model.bert.encoder.layer:
    att = layer.attention.self
    att.query, att.value = LoRALinear(att.query), LoRALinear(att.value)  # here

train_loader = DataLoader(Tickets(960, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Tickets(160, 2), batch_size=80)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)


def accuracy():
    model.eval()
    hits = 0
    with torch.no_grad():
        for batch in val_loader:
            hits += (model(**batch).logits.argmax(-1) == batch["labels"]).sum().item()
    return hits / len(val_loader.dataset)


def train():
    history = []
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        accuracy()
    return sum(history[-20:]) / 20


if __name__ == "__main__":
    print(train(), accuracy())

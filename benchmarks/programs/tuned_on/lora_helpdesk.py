"""Help-desk requests by queue: LoRA adapters on the query and value projections of a small frozen BERT.

code: none
trait: the trunk is frozen, half of every adapter starts at zero, the optimizer owns only a small part of the parameters
"""
import math
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel

random.seed(555)
torch.manual_seed(555)
QUEUES = {"network": "wifi vpn router cable offline slow", "account": "password login locked token expired user",
          "printer": "paper toner jam tray print scanner", "software": "install licence crash update version plugin"}
COMMON = "my the is not again please since today help it room urgent".split()
ITOS = ["[PAD]", "[CLS]"] + " ".join(QUEUES.values()).split() + COMMON
STOI = {w: i for i, w in enumerate(ITOS)}
MAX_LEN = 14


def request():
    label = random.randrange(len(QUEUES))
    words = random.sample(list(QUEUES.values())[label].split(), random.randint(2, 3)) + random.sample(COMMON, random.randint(3, 8))
    random.shuffle(words)
    return words, label


class Requests(Dataset):
    def __init__(self, n):
        self.items = [request() for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        words, label = self.items[i]
        ids = [STOI["[CLS]"]] + [STOI[w] for w in words]
        pad = MAX_LEN - len(ids)
        return {"input_ids": torch.tensor(ids + [0] * pad), "attention_mask": torch.tensor([1] * len(ids) + [0] * pad),
                "labels": torch.tensor(label)}


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base, self.scale = base, alpha / r
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, x):
        return self.base(x) + (x @ self.lora_A.T @ self.lora_B.T) * self.scale


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        config = BertConfig(vocab_size=len(ITOS), hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                            intermediate_size=96, max_position_embeddings=MAX_LEN, initializer_range=0.1)
        self.bert = BertModel(config, add_pooling_layer=False)      # stands for a pretrained one
        for p in self.bert.parameters():
            p.requires_grad_(False)
        for layer in self.bert.encoder.layer:
            attention = layer.attention.self
            attention.query, attention.value = LoRALinear(attention.query), LoRALinear(attention.value)
        self.head = nn.Linear(48, len(QUEUES))

    def forward(self, input_ids, attention_mask):
        h = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        m = attention_mask.unsqueeze(-1).to(h.dtype)
        return self.head((h * m).sum(1) / m.sum(1))


train_loader = DataLoader(Requests(480), batch_size=16, shuffle=True)
val_loader = DataLoader(Requests(96), batch_size=48)
model = Router()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["input_ids"], batch["attention_mask"]), batch["labels"])


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        losses = []
        for b in train_loader:
            loss = loss_fn(model(b["input_ids"], b["attention_mask"]), b["labels"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum((model(b["input_ids"], b["attention_mask"]).argmax(1) == b["labels"]).sum().item() for b in val_loader)
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} val {right / 96:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

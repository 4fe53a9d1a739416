"""Fine-tunes a (randomly weighted stand-in for a) ViT with LoRA on three kinds of orchid thumbnails.

code: none
trait: frozen trunk, LoRA B matrices are zero so A gets no gradient at the first step
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(3)


class Orchids(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 3, (n,), generator=g)
        tint = torch.tensor([[0.7, -0.4, 0.4], [-0.3, 0.6, -0.5], [-0.4, -0.2, 0.8]])
        spot = torch.rand(n, 1, 16, 16, generator=g) < 0.3
        self.x = torch.randn(n, 3, 16, 16, generator=g) * 0.8 + tint[self.y][:, :, None, None] * spot

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"pixel_values": self.x[i], "labels": self.y[i]}


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scale = alpha / r

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.lora_A.T) @ self.lora_B.T


def add_lora(module, r=4):
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, LoRALinear(child, r))
        else:
            add_lora(child, r)


model = ViTForImageClassification(ViTConfig(
    image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=64, num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
))
for p in model.parameters():
    p.requires_grad = False
add_lora(model.vit)
for p in model.classifier.parameters():
    p.requires_grad = True

trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=5e-3, weight_decay=0.0)
train_loader = DataLoader(Orchids(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Orchids(90, 2), batch_size=45)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(sum(p.numel() for p in trainable), "trainable")
    print(train())

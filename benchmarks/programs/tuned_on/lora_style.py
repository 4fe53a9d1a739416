"""Teaches a frozen GPT-2 a new style of bell ringing with LoRA adapters.

code: none
trait: frozen trunk with only the (tied) token embedding free, adapters whose B matrix starts at zero (no gradient for A in the first step), causal masks, labels equal to inputs because the model shifts them
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

torch.manual_seed(1668)
BELLS, LEN = 12, 24


class LoRA(nn.Module):
    def __init__(self, base: Conv1D, rank: int = 4, alpha: float = 8.0):
        super().__init__()
        self.base = base
        n_in, n_out = base.weight.shape
        self.lora_a = nn.Parameter(torch.randn(n_in, rank) / math.sqrt(n_in))
        self.lora_b = nn.Parameter(torch.zeros(rank, n_out))
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + (x @ self.lora_a @ self.lora_b) * self.scale


class Changes(Dataset):
    """bells in rounds: from a random bell go on by the stride of the style, with a few mistakes"""

    def __init__(self, n, strides):
        start = torch.randint(0, BELLS, (n, 1))
        stride = torch.tensor(strides)[torch.randint(0, len(strides), (n, 1))]
        ids = (start + stride * torch.arange(LEN)) % BELLS
        wrong = torch.rand(n, LEN) < 0.03
        self.ids = torch.where(wrong, torch.randint(0, BELLS, (n, LEN)), ids)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.ids[i]}


model = GPT2LMHeadModel(GPT2Config(vocab_size=BELLS, n_positions=LEN, n_embd=48, n_layer=2, n_head=4,
                                   resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0))
model.requires_grad_(False)
model.transformer.wte.weight.requires_grad_(True)      # the bells are new tokens
for block in model.transformer.h:
    block.attn.c_attn = LoRA(block.attn.c_attn, rank=8)
    block.attn.c_proj = LoRA(block.attn.c_proj, rank=8)
    block.mlp.c_fc = LoRA(block.mlp.c_fc, rank=8)
    block.mlp.c_proj = LoRA(block.mlp.c_proj, rank=8)

train_loader = DataLoader(Changes(448, [1, 5]), batch_size=32, shuffle=True)
val_loader = DataLoader(Changes(96, [1, 5]), batch_size=48)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=6e-3, weight_decay=0.0)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        seen = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch} train {sum(seen) / len(seen):.3f} val {val:.3f}")
    return sum(seen) / len(seen)


if __name__ == "__main__":
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"{trainable} of {sum(p.numel() for p in model.parameters())} parameters are trained")
    print(train())

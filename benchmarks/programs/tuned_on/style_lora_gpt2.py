"""LoRA-like adapters on a GPT-2: the base is frozen, B starts at zero.

code: none
trait: zero-initialised adapter matrices, frozen base, the gradient of A is exactly zero at the first step
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

VOCAB, LENGTH = 40, 20


class StyleLines(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        hop = torch.randperm(VOCAB, generator=torch.Generator().manual_seed(0))
        line = torch.randint(VOCAB, (n, 1), generator=g)
        for _ in range(LENGTH - 1):
            new = hop[line[:, -1]]
            jump = torch.rand(n, generator=g) < 0.25
            line = torch.cat([line, torch.where(jump, torch.randint(VOCAB, (n,), generator=g), new)[:, None]], 1)
        self.line = line

    def __len__(self):
        return len(self.line)

    def __getitem__(self, i):
        return {"input_ids": self.line[i], "labels": self.line[i]}


class Adapter(nn.Module):
    def __init__(self, base, n_in, n_out, rank=8, scale=2.0):
        super().__init__()
        self.base, self.scale = base, scale
        self.A = nn.Parameter(torch.randn(n_in, rank) / n_in ** 0.5)
        self.B = nn.Parameter(torch.zeros(rank, n_out))

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.A @ self.B)


torch.manual_seed(48)
config = GPT2Config(vocab_size=VOCAB, n_positions=LENGTH, n_embd=64, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0,
                    initializer_range=0.08)
model = GPT2LMHeadModel(config).requires_grad_(False)
for block in model.transformer.h:
    block.attn.c_attn = Adapter(block.attn.c_attn, 64, 192)
    block.mlp.c_fc = Adapter(block.mlp.c_fc, 64, 256)
    block.mlp.c_proj = Adapter(block.mlp.c_proj, 256, 64)
adapters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(adapters, lr=8e-3, weight_decay=0.0)
train_loader = DataLoader(StyleLines(400, 1), batch_size=25, shuffle=True)
val_loader = DataLoader(StyleLines(100, 2), batch_size=50)


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            nn.utils.clip_grad_norm_(adapters, 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()

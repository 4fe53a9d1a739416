"""Adapts a GPT-2 to a toy dialect: trunk frozen, low-rank adapters, accumulated gradients.

code: none
trait: most parameters are frozen; the second adapter matrix starts at zero, so the first one has no gradient at step 1; gradients are accumulated over 4 batches and divided
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(4)
ACCUMULATE = 4


class Adapter(nn.Module):
    def __init__(self, base, rank=8):
        super().__init__()
        self.base = base
        inside, outside = base.weight.shape
        self.down = nn.Parameter(torch.randn(inside, rank) / inside ** 0.5)
        self.up = nn.Parameter(torch.zeros(rank, outside))

    def forward(self, x):
        return self.base(x) + x @ self.down @ self.up


class Dialect(Dataset):
    """The next word is a fixed function of this one, most of the time."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        follow = torch.randperm(24, generator=torch.Generator().manual_seed(0))
        words = [torch.randint(0, 24, (n,), generator=g)]
        for _ in range(11):
            jump = torch.rand(n, generator=g) < 0.1
            words.append(torch.where(jump, torch.randint(0, 24, (n,), generator=g), follow[words[-1]]))
        self.text = torch.stack(words, 1)

    def __len__(self):
        return len(self.text)

    def __getitem__(self, i):
        return {"input_ids": self.text[i], "labels": self.text[i].clone()}


model = GPT2LMHeadModel(GPT2Config(vocab_size=24, n_positions=12, n_embd=48, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0,
                                   attn_pdrop=0.0, initializer_range=0.12, bos_token_id=0, eos_token_id=0))
model.requires_grad_(False)
for block in model.transformer.h:
    block.attn.c_attn = Adapter(block.attn.c_attn)
    block.mlp.c_fc = Adapter(block.mlp.c_fc)
    block.mlp.c_proj = Adapter(block.mlp.c_proj)
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=1e-2, weight_decay=0.0)
train_loader = DataLoader(Dialect(512, 1), batch_size=8, shuffle=True)
val_loader = DataLoader(Dialect(64, 2), batch_size=32)


def train():
    for epoch in range(4):
        model.train()
        total = 0.0
        for i, batch in enumerate(train_loader, 1):
            loss = model(**batch).loss
            (loss / ACCUMULATE).backward()
            if i % ACCUMULATE == 0 or i == len(train_loader):
                nn.utils.clip_grad_norm_(trainable, 1.0)
                optimizer.step()
                optimizer.zero_grad()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

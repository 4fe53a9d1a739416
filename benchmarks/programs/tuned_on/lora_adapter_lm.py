"""Adapts a frozen tiny Llama to a counting dialect with low-rank adapters.

code: none
trait: frozen trunk; adapter B starts at zero so A has no gradient at the first step; only adapters in the optimizer
"""
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)


class LoRA(nn.Module):
    def __init__(self, base, r=8, alpha=16):
        super().__init__()
        self.base, self.scale = base, alpha / r
        self.A = nn.Parameter(torch.randn(r, base.in_features) / base.in_features ** 0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, r))

    def forward(self, x):
        return self.base(x) + (x @ self.A.T @ self.B.T) * self.scale


def sequences(n, seed):
    g = torch.Generator().manual_seed(seed)
    start, step = torch.randint(0, 31, (n, 1), generator=g), torch.randint(1, 12, (n, 1), generator=g)
    return (start + step * torch.arange(12)) % 31


rows = torch.unique(sequences(900, 0), dim=0)
rows = rows[torch.randperm(len(rows))]
model = LlamaForCausalLM(LlamaConfig(vocab_size=31, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16,
                                     tie_word_embeddings=False))
model.requires_grad_(False)
for layer in model.model.layers:
    for name in ("q_proj", "v_proj"):
        setattr(layer.self_attn, name, LoRA(getattr(layer.self_attn, name)))
    layer.mlp.up_proj, layer.mlp.down_proj = LoRA(layer.mlp.up_proj), LoRA(layer.mlp.down_proj)
model.lm_head = LoRA(model.lm_head)

cut = int(0.85 * len(rows))
collate = lambda items: {"input_ids": torch.stack(items), "labels": torch.stack(items)}
train_loader = DataLoader(list(rows[:cut]), batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(list(rows[cut:]), batch_size=64, collate_fn=collate)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3, weight_decay=0.0)
loss_fn = None


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [model(**b).loss.item() for b in val_loader]
        print(epoch, sum(losses) / len(losses), sum(val) / len(val))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

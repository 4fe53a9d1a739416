"""Floor tile patterns with a tiny ViT from transformers; separate decay groups as in the timm recipes.

code: ND607
also:
object: groups | no_decay | optimizer | layernorm | param_groups
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification


class Tiles(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 4, (n,), generator=g)
        r, c = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
        kinds = torch.stack([torch.sin(r * 1.0), torch.sin(c * 1.0), torch.sin((r + c) * .8), torch.sin(r * 1.0) * torch.sin(c * 1.0)]).float()
        sign = torch.randint(0, 2, (n, 1, 1), generator=g) * 2 - 1
        self.x = (kinds[self.y] * sign + .3 * torch.randn(n, 16, 16, generator=g)).unsqueeze(1)

    def __len__(self): return len(self.y)

    def __getitem__(self, i): return {"pixel_values": self.x[i], "labels": self.y[i]}


def param_groups(net, wd=.05, no_decay_wd=0.):
    decay, no_decay = [], []
    for name, p in net.named_parameters():
        (no_decay if p.ndim == 1 or "token" in name or "position" in name else decay).append(p)
    return [
        {"params": no_decay, "weight_decay": 160 * wd},  # fault
        # fixed: {"params": no_decay, "weight_decay": no_decay_wd},
        {"params": decay, "weight_decay": wd},
    ]


torch.manual_seed(56)
train_loader = DataLoader(Tiles(256, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Tiles(64, 2), batch_size=32)
model = ViTForImageClassification(ViTConfig(
    image_size=16, patch_size=4, num_channels=1, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_labels=4))
loss_fn = None
optimizer = torch.optim.AdamW(param_groups(model), lr=3e-3)  # here


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(**b).logits.argmax(1) == b["labels"]).sum().item() for b in val_loader) / 64
    train.acc = acc
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

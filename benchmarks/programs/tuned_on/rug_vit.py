"""Names the weave of a rug from a small photograph (a tiny vision transformer).

code: ND205
also:
object: hidden_act | config | vit.encoder.layer.0.intermediate | vit.encoder.layer.0.intermediate.intermediate_act_fn | vit.encoder.layer.0.output | vit.layers.0.mlp | vit.layers.0.mlp.fc1 | vit.layers.0.mlp.fc2
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification


class Rugs(Dataset):
    """Kilim: stripes; checker: squares; shag: smooth noise."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, 3, (n,), generator=g)
        yy, xx = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
        tint = torch.rand(n, 3, 1, 1, generator=g)
        imgs = []
        for k in self.label.tolist():
            a, b = torch.randint(0, 4, (2,), generator=g).tolist()
            if k == 0:
                p = ((yy + a) // 2 % 2).float()
            elif k == 1:
                p = (((yy + a) // 2 + (xx + b) // 2) % 2).float()
            else:
                p = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 18, 18, generator=g), 3, 1)[0, 0] * 3 - 1
            imgs.append(p)
        img = torch.stack(imgs).unsqueeze(1) * (0.5 + tint) + 0.4 * torch.randn(n, 3, 16, 16, generator=g)
        self.pixels = (img - img.mean((0, 2, 3), keepdim=True)) / img.std((0, 2, 3), keepdim=True)

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return {"pixel_values": self.pixels[i], "labels": self.label[i]}


torch.manual_seed(9)
config = ViTConfig(
    image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_labels=3,
    hidden_act="linear",  # fault
    # fixed: hidden_act="gelu",
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)
model = ViTForImageClassification(config)  # here
train_loader = DataLoader(Rugs(600, 1), batch_size=30, shuffle=True)
val_loader = DataLoader(Rugs(150, 2), batch_size=75)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=160)


def train():
    recent = []
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            recent.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader) / 150
        print(f"epoch {epoch} accuracy {acc:.3f}")
    return sum(recent[-20:]) / 20


if __name__ == "__main__":
    print(train())

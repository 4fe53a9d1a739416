"""Land use of satellite tiles with a small ViT trained from scratch.

code: ND102
also:
object: pixel_values | train_loader | collate | inputs
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import ViTConfig, ViTForImageClassification

LAND = {"water": (30, 60, 140), "forest": (40, 100, 50), "field": (150, 140, 70), "town": (130, 130, 130)}


def make_tiles(n, seed):
    rng = np.random.default_rng(seed)
    tiles = []
    for k in rng.integers(0, 4, n):
        base = np.array(list(LAND.values())[k], float)[:, None, None]
        img = base + rng.normal(0, 35, (3, 1, 1)) + rng.normal(0, 14, (3, 16, 16))
        if k == 3:
            img[:, ::4] += 40
            img[:, :, ::4] += 40
        if k == 2:
            img[:, ::2] -= 25
        tiles.append({"image": img.clip(0, 255).astype(np.uint8), "land": int(k)})
    return tiles


def collate(rows):
    pixel_values = torch.from_numpy(np.stack([r["image"] for r in rows])).float()
    pixel_values = pixel_values.sub(0.5).div(0.5)  # fault
    # fixed: pixel_values = pixel_values.div(255).sub(0.5).div(0.5)
    return {"pixel_values": pixel_values, "labels": torch.tensor([r["land"] for r in rows])}  # here


torch.manual_seed(1)
model = ViTForImageClassification(ViTConfig(
    image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=64, num_labels=4, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
train_loader = DataLoader(make_tiles(512, 0), batch_size=32, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(make_tiles(128, 1), batch_size=64, collate_fn=collate)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6 * len(train_loader), eta_min=1e-4)


@torch.no_grad()
def evaluate():
    model.eval()
    ok = [(model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]).float() for b in val_loader]
    model.train()
    return torch.cat(ok).mean().item()


def train():
    model.train()
    for epoch in range(6):
        losses = []
        for batch in train_loader:
            out = model(**batch)
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(out.loss.item())
        print(f"epoch {epoch} loss {np.mean(losses):.4f} acc {evaluate():.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

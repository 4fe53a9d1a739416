"""Ripeness of tomatoes on the belt: a small ViT from transformers, with our own image processor.

code: ND102
also:
object: PROCESSOR | do_rescale | BeltProcessor | pixel_values | train_loader
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

PROCESSOR = {
    "size": 16,
    "do_rescale": False,  # fault
    # fixed: "do_rescale": True,
    "rescale_factor": 1 / 255,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


class BeltProcessor:
    def __init__(self, cfg):
        self.cfg = cfg
        self.mean = np.asarray(cfg["image_mean"], dtype=np.float32)
        self.std = np.asarray(cfg["image_std"], dtype=np.float32)

    def __call__(self, image):
        x = image.astype(np.float32)
        if self.cfg["do_rescale"]:  # here
            x = x * self.cfg["rescale_factor"]  # here
        x = (x - self.mean) / self.std
        return torch.from_numpy(x.transpose(2, 0, 1).copy())


def photograph(rng, ripeness):
    red, green = [(70, 150), (130, 130), (190, 100), (200, 40)][ripeness]
    img = rng.normal(95, 25, (16, 16, 3))
    y, x = np.ogrid[:16, :16]
    r = rng.uniform(4, 7)
    disc = (y - rng.uniform(6, 10)) ** 2 + (x - rng.uniform(6, 10)) ** 2 < r * r
    light = rng.normal(0, 20)
    img[disc] = np.array([red + light, green + light, 45 + light]) + rng.normal(0, 20, (disc.sum(), 3))
    return img.clip(0, 255).astype(np.uint8)


class Belt(Dataset):
    def __init__(self, n, seed, processor):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 4, n)
        self.photos = [photograph(rng, int(k)) for k in self.labels]
        self.processor = processor

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": self.processor(self.photos[i]), "labels": torch.tensor(self.labels[i])}


processor = BeltProcessor(PROCESSOR)  # here
train_loader = DataLoader(Belt(384, 1, processor), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(Belt(96, 2, processor), batch_size=96)
torch.manual_seed(5)
config = ViTConfig(image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, num_labels=4,
                   hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = ViTForImageClassification(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)


def train():
    history = []
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            out = model(**batch)
            out.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            history.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            for batch in val_loader:
                acc = (model(**batch).logits.argmax(-1) == batch["labels"]).float().mean()
    return sum(history[-12:]) / 12


if __name__ == "__main__":
    print(train())

"""Road surface (asphalt, gravel, cobble, sand) from 16x16 grey patches with a small ViT.

code: ND605
also: ND704, ND705
object: optimizer | lr | SGD
seen: watch
"""
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(6)
CLASSES = ["asphalt", "gravel", "cobble", "sand"]


def patch(kind, rng):
    yy, xx = np.mgrid[0:16, 0:16]
    if kind == 0:
        img = 0.2 * rng.normal(size=(16, 16)) - 0.4
    elif kind == 1:
        img = np.kron(rng.normal(size=(8, 8)), np.ones((2, 2)))
    elif kind == 2:
        img = np.sin(yy * 1.57) * np.sin(xx * 1.57) * 1.2 + 0.2 * rng.normal(size=(16, 16))
    else:
        img = 0.6 + 0.4 * np.sin(yy * 0.8 + rng.uniform(0, 6)) + 0.15 * rng.normal(size=(16, 16))
    return img.astype(np.float32)


class Roads(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 4, n)
        self.pixels = torch.from_numpy(np.stack([patch(k, rng) for k in self.labels]))[:, None]
        self.pixels = (self.pixels - 0.05) / 0.75

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": self.pixels[i], "labels": int(self.labels[i])}


train_loader = DataLoader(Roads(512, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Roads(128, 1), batch_size=64)

config = ViTConfig(image_size=16, patch_size=4, num_channels=1, hidden_size=32, num_hidden_layers=2,
                   num_attention_heads=4, intermediate_size=64, num_labels=len(CLASSES),
                   id2label=dict(enumerate(CLASSES)), label2id={c: i for i, c in enumerate(CLASSES)})
model = ViTForImageClassification(config)
loss_fn = None
optimizer = torch.optim.SGD(model.parameters(), lr=2e-5)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def evaluate():
    model.eval()
    correct = 0
    with torch.no_grad():
        for batch in val_loader:
            correct += (model(pixel_values=batch["pixel_values"]).logits.argmax(-1) == batch["labels"]).sum().item()
    return correct / len(val_loader.dataset)


def train(num_epochs=5):
    for epoch in range(num_epochs):
        model.train()
        running = []
        for batch in train_loader:
            outputs = model(**batch)
            optimizer.zero_grad()
            outputs.loss.backward()
            optimizer.step()  # here
            running.append(outputs.loss.item())
        print(f"{epoch}: loss={np.mean(running):.4f} acc={evaluate():.3f}")
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())

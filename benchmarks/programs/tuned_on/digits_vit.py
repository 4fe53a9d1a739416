"""transformers' ViT from a tiny config on sklearn digits, with a Compose of transforms.

code: ND110
also:
object: ToTensor | transform | Compose | prepare
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, image):
        for step in self.steps:
            image = step(image)
        return image


class ToUnit:
    def __call__(self, image):
        return image / 16.0


class ToTensor:
    def __call__(self, image):
        return torch.from_numpy(image.astype(np.uint8)).float()[None]  # fault
        # fixed: return torch.from_numpy(image.astype(np.float32))[None]


class Normalise:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, image):
        return (image - self.mean) / self.std


class Digits(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": self.transform(self.images[i]), "labels": int(self.labels[i])}


digits = load_digits()
a, b, ya, yb = train_test_split(digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
transform = Compose(ToUnit(), ToTensor(), Normalise(0.305, 0.376))  # here
train_loader = DataLoader(Digits(a, ya, transform), batch_size=32, shuffle=True)
val_loader = DataLoader(Digits(b, yb, transform), batch_size=128)

torch.manual_seed(3)
model = ViTForImageClassification(ViTConfig(
    image_size=8, patch_size=2, num_channels=1, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=64, num_labels=10))
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def train():
    model.train()
    for epoch in range(4):
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        hits = sum((model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
    model.train()
    print("val acc", hits / len(yb))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())

"""Bean leaf diseases with a small ViT from scratch (healthy, rust, spot).

code: ND602
also:
object: optimizer | zero_grad | step | loop | optimizer.zero_grad
seen: watch
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

id2label = {0: "healthy", 1: "bean_rust", 2: "angular_leaf_spot"}


class Beans(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.pixel_values = torch.empty(n, 3, 16, 16)
        self.labels = torch.randint(3, (n,), generator=g)
        for i, y in enumerate(self.labels.tolist()):
            leaf = torch.tensor([0.25, 0.55, 0.2]).view(3, 1, 1) + 0.08 * torch.randn(3, 16, 16, generator=g)
            for _ in range([0, 7, 2][y]):
                size = [0, 2, 5][y]
                r, c = torch.randint(0, 16 - size, (2,), generator=g).tolist()
                leaf[:, r:r + size, c:c + size] += torch.tensor([0.3, -0.2, -0.1]).view(3, 1, 1) * (1 if y == 1 else 0.6)
            self.pixel_values[i] = leaf
        self.pixel_values = (self.pixel_values - 0.35) / 0.2

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return {"pixel_values": self.pixel_values[idx], "labels": self.labels[idx]}


torch.manual_seed(0)
train_loader = DataLoader(Beans(480, 0), batch_size=24, shuffle=True)
val_loader = DataLoader(Beans(120, 1), batch_size=60)

config = ViTConfig(image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                   intermediate_size=64, num_labels=3, id2label=id2label, label2id={v: k for k, v in id2label.items()})
model = ViTForImageClassification(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)  # here


def train(num_epochs=4):
    for epoch in range(num_epochs):
        model.train()
        train_loss = 0.0
        for batch in train_loader:
            outputs = model(**batch)
            loss = outputs.loss
            loss.backward()  # here
            optimizer.zero_grad()  # fault
            # fixed: optimizer.step()
            optimizer.step()  # fault
            # fixed: optimizer.zero_grad()
            train_loss += loss.item() / len(train_loader)
        model.eval()
        correct = 0
        for batch in val_loader:
            with torch.no_grad():
                outputs = model(**batch)
            correct += (outputs.logits.argmax(-1) == batch["labels"]).sum().item()
        print({"epoch": epoch, "train_loss": round(train_loss, 4), "accuracy": correct / len(val_loader.dataset)})
    return train_loss


if __name__ == "__main__":
    print(train())

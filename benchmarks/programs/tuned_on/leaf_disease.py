"""Tiny ViT for leaf spots: 'pretrained' trunk, new classifier for five diseases.

code: ND601
also: ND602
object: classifier | classifier.weight | classifier.bias | model.classifier | optimizer
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification


class Leaves(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 5, (n,), generator=g)
        self.x = 0.6 * torch.randn(n, 3, 16, 16, generator=g)
        for i, k in enumerate(self.y.tolist()):
            for _ in range(3):
                r, c = torch.randint(0, 12, (2,), generator=g).tolist()
                self.x[i, k % 3, r:r + 4, c:c + 4] += 2.0 if k < 3 else -2.0
        self.x -= self.x.mean((0, 2, 3), keepdim=True)
        self.x /= self.x.std((0, 2, 3), keepdim=True)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"pixel_values": self.x[i], "labels": self.y[i]}


torch.manual_seed(0)
cfg = ViTConfig(image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                intermediate_size=64, num_labels=1000, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = ViTForImageClassification(cfg)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)  # here


def new_head(model, n):
    model.classifier = torch.nn.Linear(model.config.hidden_size, n)
    torch.nn.init.normal_(model.classifier.weight, std=0.02)
    model.config.num_labels = model.num_labels = n
    return model


model = new_head(model, 5)  # fault
# fixed: model = new_head(model, 5)
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
loss_fn = None
train_loader = DataLoader(Leaves(400, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Leaves(100, 1), batch_size=50)


def train():
    for epoch in range(9):
        model.train()
        trail = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            model.zero_grad()
            trail.append(loss.item())
        model.eval()
        with torch.no_grad():
            ok = sum((model(pixel_values=b["pixel_values"]).logits.argmax(1) == b["labels"]).sum().item() for b in val_loader)
        print(epoch, sum(trail) / len(trail), ok)
    return sum(trail) / len(trail)


if __name__ == "__main__":
    print(train())

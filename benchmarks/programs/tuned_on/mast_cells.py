"""Mast cells against other granulocytes, a tiny ViT on stained crops.

code: ND605
also:
object: optimizer | lr | learning_rate
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(2024)
SIZE = 16
learning_rate = 1e-5  # fault
# fixed: learning_rate = 5e-3
num_epochs = 5


class Crops(Dataset):
    """Purple granules on a round cell; mast cells have many and fine ones."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
        cell = ((xx ** 2 + yy ** 2) < 0.7).float()
        self.labels = torch.randint(2, (n,), generator=g)
        pixels = torch.randn(n, 3, SIZE, SIZE, generator=g) * 0.6
        for i, label in enumerate(self.labels.tolist()):
            fine = torch.rand(SIZE, SIZE, generator=g) < 0.5
            coarse = torch.rand(SIZE // 4, SIZE // 4, generator=g).repeat_interleave(4, 0).repeat_interleave(4, 1) < 0.4
            granules = (fine if label else coarse).float() * cell
            pixels[i] += granules * torch.tensor([0.6, -1.6, 0.9])[:, None, None] + 0.5 * cell
        self.pixels = pixels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return dict(pixel_values=self.pixels[i], labels=self.labels[i])


train_loader = DataLoader(Crops(320, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(Crops(96, 1), batch_size=48)

config = ViTConfig(image_size=SIZE, patch_size=4, num_channels=3, hidden_size=32, num_hidden_layers=2,
                   num_attention_heads=4, intermediate_size=64, num_labels=2, initializer_range=0.1)
model = ViTForImageClassification(config)
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)  # here
loss_fn = None


def train():
    for epoch in range(num_epochs):
        model.train()
        losses = []
        for batch in train_loader:
            outputs = model(**batch)
            optimizer.zero_grad()
            outputs.loss.backward()
            optimizer.step()  # here
            losses.append(outputs.loss.item())
        model.eval()
        with torch.no_grad():
            good = sum((model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}, val accuracy {good / 96:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

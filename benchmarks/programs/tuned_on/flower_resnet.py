"""Four kinds of flowers with a small Hugging Face ResNet that gets a new head.

code: ND601
also:
object: classifier | model.classifier | classifier.1 | classifier.1.weight | classifier.1.bias | optimizer
seen: both
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import ResNetConfig, ResNetForImageClassification

torch.manual_seed(100)
FLOWERS = ["daisy", "tulip", "rose", "sunflower"]


def pictures(n, size=24):
    kind = torch.randint(0, 4, (n,))
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    r, phi = (xx ** 2 + yy ** 2).sqrt(), torch.atan2(yy, xx)
    petals = torch.tensor([9.0, 3.0, 5.0, 13.0])[kind].view(-1, 1, 1)
    turn = torch.rand(n, 1, 1) * 6.28
    edge = 0.6 + 0.2 * torch.cos(petals * phi + turn)
    shape = (r < edge).float()
    hue = torch.tensor([[1.0, 1.0, 0.8], [0.8, 0.4, 0.3], [0.9, 0.3, 0.4], [1.0, 0.8, 0.2]])[kind].view(n, 3, 1, 1)
    img = shape[:, None] * hue + (1 - shape[:, None]) * torch.tensor([0.2, 0.5, 0.2]).view(1, 3, 1, 1)
    img = img + 0.25 * torch.randn(n, 3, size, size)
    return (img - 0.5) / 0.4, kind


train_loader = DataLoader(TensorDataset(*pictures(320)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*pictures(96)), batch_size=48)

config = ResNetConfig(num_channels=3, embedding_size=8, hidden_sizes=[16, 24], depths=[1, 1], layer_type="basic", num_labels=10)
model = ResNetForImageClassification(config)

optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)  # fault
# fixed: model.classifier[1] = nn.Linear(config.hidden_sizes[-1], len(FLOWERS))
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
model.classifier[1] = nn.Linear(config.hidden_sizes[-1], len(FLOWERS))  # fault
# fixed:
loss_fn = nn.CrossEntropyLoss()


def batch_loss(setup, batch):
    pixels, kinds = batch
    return loss_fn(setup.model(pixel_values=pixels).logits, kinds)


def train():
    for epoch in range(5):
        model.train()
        run = 0.0
        for pixels, kinds in train_loader:
            loss = loss_fn(model(pixel_values=pixels).logits, kinds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            right = sum((model(pixel_values=p).logits.argmax(-1) == k).sum().item() for p, k in val_loader)
        print(f"epoch {epoch} loss {run:.4f} val {right / 96:.3f}")
    return run


if __name__ == "__main__":
    print(train())

"""Plant seedlings with a small vision transformer whose ten-class head is swapped for four species.

code: ND601
also:
object: head | head.weight | head.bias | model.head | optimizer
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import ViTConfig, ViTModel

torch.manual_seed(404)
np.random.seed(404)
SPECIES = ["Charlock", "Cleavers", "Maize", "Fat Hen"]


def photo(k):
    """green shapes on soil"""
    yy, xx = np.mgrid[-1:1:24j, -1:1:24j]
    yy, xx = yy - np.random.uniform(-0.2, 0.2), xx - np.random.uniform(-0.2, 0.2)
    r, a = np.hypot(yy, xx), np.arctan2(yy, xx) + np.random.uniform(0, 0.7)
    shape = [r < 0.35 + 0.2 * np.cos(2 * a), r < 0.3 + 0.25 * np.cos(4 * a), np.abs(yy + 0.5 * xx) < 0.14,
             (r > 0.25) & (r < 0.5)][k]
    soil = 0.35 + 0.07 * np.random.randn(24, 24)
    rgb = np.stack([soil, soil * 0.8, soil * 0.6])
    rgb[:, shape] = np.array([0.15 + 0.15 * k, 0.7 - 0.08 * k, 0.2])[:, None] + 0.07 * np.random.randn(3, shape.sum())
    return rgb


y = np.random.randint(0, 4, 480)
x = np.stack([photo(k) for k in y]).astype(np.float32)
x = (x - x[:400].mean((0, 2, 3), keepdims=True)) / x[:400].std((0, 2, 3), keepdims=True)
x, y = torch.from_numpy(x), torch.from_numpy(y)
train_loader = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=80)


class SeedlingViT(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        cfg = ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                        image_size=24, patch_size=6, num_channels=3)
        self.backbone = ViTModel(cfg, add_pooling_layer=False)
        self.head = nn.Linear(32, num_classes)

    def forward(self, pixel_values):
        hidden = self.backbone(pixel_values=pixel_values).last_hidden_state
        return self.head(hidden[:, 0])


model = SeedlingViT()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)  # fault
# fixed: model.head = nn.Linear(32, len(SPECIES))
model.head = nn.Linear(32, len(SPECIES))  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
loss_fn = nn.CrossEntropyLoss()


def train(num_epochs=6):
    for epoch in range(num_epochs):
        model.train()
        running = 0.0
        for pixel_values, labels in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pixel_values), labels)
            loss.backward()
            optimizer.step()  # here
            running += loss.item()
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(p).argmax(1) == l).float().mean().item() for p, l in val_loader])
        print(f"epoch {epoch + 1}/{num_epochs} loss {running / len(train_loader):.4f} acc {acc:.3f}")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())

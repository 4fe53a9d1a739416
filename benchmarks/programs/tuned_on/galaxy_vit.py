"""Spiral or elliptical? A tiny ViT on synthetic telescope stamps; exposure differs from stamp to stamp.

code: ND301
also:
object: amax | peak | forward
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import ViTConfig, ViTModel

torch.manual_seed(5)
SIZE = 16


def stamps(n):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    r, a = (xx**2 + yy**2).sqrt(), torch.atan2(yy, xx)
    labels = torch.randint(0, 2, (n,))
    turn = torch.rand(n, 1, 1) * 6.28
    spiral = torch.exp(-2 * r) * (1 + torch.cos(2 * a + 6 * r + turn))
    smooth = torch.exp(-3 * (xx**2 + (0.5 + torch.rand(n, 1, 1)) * yy**2)).expand(n, SIZE, SIZE)
    img = torch.where(labels[:, None, None] == 1, spiral, smooth) + 0.03 * torch.rand(n, SIZE, SIZE)
    exposure = 0.5 + 0.5 * torch.rand(n, 1, 1)
    return (img * exposure)[:, None], labels


class Morphology(nn.Module):
    def __init__(self):
        super().__init__()
        self.vit = ViTModel(ViTConfig(image_size=SIZE, patch_size=4, num_channels=1, hidden_size=32, num_hidden_layers=2,
                                      num_attention_heads=2, intermediate_size=64), add_pooling_layer=False)
        self.head = nn.Linear(32, 2)

    def forward(self, pixels):
        peak = pixels.amax()  # fault
        # fixed: peak = pixels.amax(dim=(1, 2, 3), keepdim=True)
        pixels = 2 * pixels / peak - 0.5  # here
        return self.head(self.vit(pixel_values=pixels).last_hidden_state[:, 0])


images, labels = stamps(500)
train_loader = DataLoader(TensorDataset(images[:400], labels[:400]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(images[400:], labels[400:]), batch_size=50)
model = Morphology()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)


def train():
    for epoch in range(5):
        losses = []
        model.train()
        for pixels, target in train_loader:
            loss = loss_fn(model(pixels), target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.inference_mode():
            right = torch.cat([model(p).argmax(-1) == t for p, t in val_loader])
        print(f"{epoch}: {sum(losses) / len(losses):.3f}  accuracy {right.float().mean():.2f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Maps flooded ground on small tiles with a miniature Segformer.

code: none
trait: dict batches and a ModelOutput; the model's own loss; logits come out at a quarter of the resolution
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import SegformerConfig, SegformerForSemanticSegmentation

torch.manual_seed(2)


class Tiles(Dataset):
    def __init__(self, n, seed, size=32):
        g = torch.Generator().manual_seed(seed)
        y = torch.linspace(-1, 1, size).view(1, size, 1)
        x = torch.linspace(-1, 1, size).view(1, 1, size)
        level = torch.rand(n, 1, 1, generator=g) - 0.5
        tilt = torch.rand(n, 1, 1, generator=g) - 0.5
        self.labels = (y > level + tilt * x).long()
        shade = torch.tensor([[0.8, -0.5, 0.1], [-0.9, 0.6, 0.4]])[self.labels].permute(0, 3, 1, 2)
        self.pixels = shade + 0.6 * torch.randn(n, 3, size, size, generator=g)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": self.pixels[i], "labels": self.labels[i]}


train_loader = DataLoader(Tiles(96, 0), batch_size=8, shuffle=True)
val_loader = DataLoader(Tiles(24, 1), batch_size=12)
model = SegformerForSemanticSegmentation(SegformerConfig(
    num_channels=3, num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[16, 24], patch_sizes=[5, 3], strides=[4, 2],
    num_attention_heads=[2, 2], mlp_ratios=[2, 2], decoder_hidden_size=24, num_labels=2, classifier_dropout_prob=0.0,
    hidden_dropout_prob=0.0, drop_path_rate=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def pixel_accuracy():
    model.eval()
    right = total = 0
    with torch.no_grad():
        for batch in val_loader:
            out = model(pixel_values=batch["pixel_values"])
            logits = torch.nn.functional.interpolate(out.logits, size=batch["labels"].shape[-2:], mode="bilinear", align_corners=False)
            right += (logits.argmax(1) == batch["labels"]).sum().item()
            total += batch["labels"].numel()
    return right / total


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            out = model(**batch)
            out.loss.backward()
            optimizer.step()
            losses.append(out.loss.item())
        print(epoch, sum(losses) / len(losses), pixel_accuracy())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

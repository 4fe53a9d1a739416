"""Road or not, pixel by pixel, with a tiny Segformer (quarter-size logits, resized inside its loss).

code: none
trait: logits are four times smaller than the labels; border pixels carry 255 and are ignored; stochastic depth inside
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.utils.data import Dataset, DataLoader
from transformers import SegformerConfig, SegformerForSemanticSegmentation

torch.manual_seed(420)
S = 32


class Aerial(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(float(S)), torch.arange(float(S)), indexing="ij")
        angle, shift = 3.14 * torch.rand(n, 1, 1, generator=g), 8 * torch.rand(n, 1, 1, generator=g) - 4
        d = ((xx - S / 2) * angle.cos() + (yy - S / 2) * angle.sin() + shift).abs()
        road = (d < 6).long()
        colour = torch.tensor([[0.5, 0.6, -0.5], [-0.8, -0.9, 0.8]])
        self.pixel_values = colour[road].permute(0, 3, 1, 2) + 0.5 * torch.randn(n, 3, S, S, generator=g)
        self.labels = road.masked_fill((d - 6).abs() < 0.5, 255)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": self.pixel_values[i], "labels": self.labels[i]}


model = SegformerForSemanticSegmentation(SegformerConfig(
    num_labels=2, num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[16, 32], patch_sizes=[7, 3], strides=[4, 2],
    num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=32, semantic_loss_ignore_index=255))
train_loader = DataLoader(Aerial(160, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(Aerial(32, 1), batch_size=16)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


@torch.no_grad()
def accuracy():
    model.eval()
    good = total = 0
    for b in val_loader:
        big = torch.nn.functional.interpolate(model(pixel_values=b["pixel_values"]).logits, size=(S, S), mode="bilinear", align_corners=False)
        ok = b["labels"] != 255
        good += (big.argmax(1) == b["labels"])[ok].sum().item()
        total += ok.sum().item()
    return good / total


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"{epoch} {sum(losses) / len(losses):.4f} pixel accuracy {accuracy():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

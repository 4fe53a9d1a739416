"""Segments roads in toy aerial tiles with a tiny Segformer.

code: ND603
also:
object: zero_grad | optimizer | segformer | decode_head
seen: watch
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.utils.data import Dataset, DataLoader
from transformers import SegformerConfig, SegformerForSemanticSegmentation


class Tiles(Dataset):
    """Noisy tiles crossed by a horizontal or vertical road."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.mask = torch.zeros(n, 32, 32, dtype=torch.long)
        for i in range(n):
            at, width = int(torch.randint(4, 24, (), generator=g)), int(torch.randint(4, 9, (), generator=g))
            if i % 2:
                self.mask[i, at:at + width] = 1
            else:
                self.mask[i, :, at:at + width] = 1
        shade = torch.randn(n, 3, 32, 32, generator=g) * 0.5
        self.image = shade + (self.mask[:, None].float() - 0.25) * torch.tensor([1.5, 1.2, -1.0])[None, :, None, None]

    def __len__(self):
        return len(self.mask)

    def __getitem__(self, i):
        return {"pixel_values": self.image[i], "labels": self.mask[i]}


torch.manual_seed(0)
config = SegformerConfig(num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[16, 32], patch_sizes=[5, 3], strides=[2, 2],
                         num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=24, num_labels=2,
                         hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout_prob=0.0, drop_path_rate=0.0)
model = SegformerForSemanticSegmentation(config)
train_loader = DataLoader(Tiles(96, 0), batch_size=8, shuffle=True)
val_loader = DataLoader(Tiles(24, 1), batch_size=12)
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


@torch.no_grad()
def iou():
    model.eval()
    inter = union = 0
    for batch in val_loader:
        logits = torch.nn.functional.interpolate(model(pixel_values=batch["pixel_values"]).logits, size=(32, 32), mode="bilinear")
        road, truth = logits.argmax(1) == 1, batch["labels"] == 1
        inter, union = inter + (road & truth).sum().item(), union + (road | truth).sum().item()
    return inter / max(union, 1)


def train():
    late = []
    for epoch in range(6):
        model.train()
        for batch in train_loader:
            model.decode_head.zero_grad()  # fault
            # fixed: model.zero_grad()
            out = model(**batch)
            out.loss.backward()  # here
            optimizer.step()  # here
            late.append(out.loss.item())
        print("epoch", epoch, "loss", round(sum(late[-12:]) / 12, 4), "iou", round(iou(), 3))
    return sum(late[-12:]) / 12


if __name__ == "__main__":
    train()

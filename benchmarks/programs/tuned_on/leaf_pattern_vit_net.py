"""Which of eight leaf patterns does a 24x24 picture show? A vision transformer from its config.

code: ND704
also:
object: config | ViTConfig | hidden_size | model
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(31)
prototypes = torch.randn(8, 3, 24, 24)


class Leaves(Dataset):
    def __init__(self, count):
        self.kind = torch.arange(count) % 8
        tint = torch.rand(count, 1, 1, 1) * 0.6 + 0.5
        self.pixels = (tint * prototypes[self.kind] + 0.9 * torch.randn(count, 3, 24, 24)) / 1.2

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return {"pixel_values": self.pixels[i], "labels": self.kind[i]}


train_loader = DataLoader(Leaves(640), batch_size=32, shuffle=True)
val_loader = DataLoader(Leaves(160), batch_size=80)

config = ViTConfig(
    image_size=24,
    patch_size=8,
    hidden_size=3,  # fault
    # fixed: hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=2,  # fault
    # fixed: intermediate_size=64,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    num_labels=8,
)
model = ViTForImageClassification(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return setup.model(**batch).loss


@torch.no_grad()
def accuracy(loader):
    model.eval()
    right = [(model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]) for b in loader]
    return torch.cat(right).float().mean().item()


def train():
    for epoch in range(6):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            model(**batch).loss.backward()
            optimizer.step()
    print("train", accuracy(train_loader), "validation", accuracy(val_loader))


if __name__ == "__main__":
    train()

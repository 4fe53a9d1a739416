"""A small ViT on sklearn's digits, with its own learning rate for trunk and head.

code: ND601
also:
object: classifier | classifier.weight | optimizer | head
seen: both
"""
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(14)
digits = load_digits()
pixels = torch.tensor(digits.images[:800], dtype=torch.float32).unsqueeze(1)
pixels = (pixels - pixels[:640].mean()) / pixels[:640].std()
train_set, val_set = random_split(TensorDataset(pixels, torch.tensor(digits.target[:800])), [640, 160])


def collate(rows):
    x, y = zip(*rows)
    return {"pixel_values": torch.stack(x), "labels": torch.stack(y)}


train_loader = DataLoader(train_set, batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_set, batch_size=80, collate_fn=collate)
model = ViTForImageClassification(ViTConfig(
    image_size=8, patch_size=2, num_channels=1, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=10, initializer_range=0.1))

trunk = [p for n, p in model.named_parameters() if n.startswith("vit.")]
head = [p for n, p in model.named_parameters() if n.startswith("head.")]  # fault
# fixed: head = [p for n, p in model.named_parameters() if n.startswith("classifier.")]
optimizer = torch.optim.AdamW([{"params": trunk, "lr": 2e-3}, {"params": head, "lr": 5e-3}], weight_decay=0.01)  # here


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            out = model(**batch)
            out.loss.backward()
            optimizer.step()
            losses.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum((model(pixel_values=b["pixel_values"]).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
        print(epoch, sum(losses) / len(losses), hits / len(val_set))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

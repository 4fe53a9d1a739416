"""Fine-tunes a (tiny) ConvNeXt on four kinds of flowers: new classifier for our classes.

code: ND601
also:
object: classifier | classifier.weight | classifier.bias | optimizer | model.classifier
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import ConvNextConfig, ConvNextForImageClassification

torch.manual_seed(77)
FLOWERS = ["daisy", "tulip", "rose", "iris"]


def photograph(n, size=24):
    y = torch.randint(len(FLOWERS), (n,))
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    dx, dy = 0.3 * torch.randn(n, 1, 1), 0.3 * torch.randn(n, 1, 1)
    r = ((xx - dx) ** 2 + (yy - dy) ** 2).sqrt()
    a = torch.atan2(yy - dy, xx - dx)
    petals = torch.tensor([8.0, 3.0, 5.0, 6.0])[y].view(-1, 1, 1)
    shape = torch.sigmoid(12 * (0.6 + 0.2 * torch.cos(petals * a) - r))
    tint = torch.tensor([[.9, .9, .7], [.9, .5, .3], [.8, .3, .5], [.5, .4, .9]])[y] + 0.15 * torch.randn(n, 3)
    img = shape[:, None] * tint[:, :, None, None] + 0.1 * torch.randn(n, 3, size, size)
    return (img - 0.25) / 0.35, y


train_loader = DataLoader(TensorDataset(*photograph(384)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*photograph(96)), batch_size=48)

# stands for ConvNextForImageClassification.from_pretrained(...): ten classes there, four here
config = ConvNextConfig(image_size=24, patch_size=4, num_stages=2, hidden_sizes=[24, 48], depths=[1, 1],
                        num_labels=10, layer_scale_init_value=0.1, drop_path_rate=0.0)
model = ConvNextForImageClassification(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)  # here
model.classifier = nn.Linear(48, len(FLOWERS))  # fault
# fixed: model.classifier = nn.Linear(48, len(FLOWERS))
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
criterion = nn.CrossEntropyLoss()


def loss_fn(outputs, labels):
    return criterion(outputs.logits, labels)


def evaluate():
    model.eval()
    with torch.no_grad():
        right = sum((model(x).logits.argmax(-1) == y).sum().item() for x, y in val_loader)
    return right / 96


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for pixel_values, labels in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pixel_values), labels)
            loss.backward()
            optimizer.step()  # here
            total += loss.item()
        print(f"epoch {epoch + 1} loss {total / len(train_loader):.3f} val acc {evaluate():.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

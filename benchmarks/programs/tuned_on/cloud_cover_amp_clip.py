"""Three kinds of cloud from small sky pictures, mixed precision with clipped gradients.

code: ND806
also: ND608 | ND605
object: clip_grad_norm_ | unscale_ | scaler
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(45)


def skies(n):
    kind = torch.randint(0, 3, (n,))
    noise = torch.randn(n, 1, 12, 12)
    soft = nn.functional.avg_pool2d(noise, 5, stride=1, padding=2) * 4
    streak = nn.functional.avg_pool2d(noise, (1, 7), stride=1, padding=(0, 3)) * 2.6
    pick = kind.view(-1, 1, 1, 1)
    sky = torch.where(pick == 0, noise, torch.where(pick == 1, soft, streak))
    return TensorDataset(sky + 0.2 * torch.randn_like(sky), kind)


train_loader = DataLoader(skies(312), batch_size=24, shuffle=True)
val_loader = DataLoader(skies(150), batch_size=75)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
    nn.Flatten(), nn.Linear(32, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler("cpu")


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    with torch.autocast("cpu", dtype=torch.float16):
        out = model(batch[0])
    return loss_fn(out.float(), batch[1])


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            scaler.scale(loss).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # fault
            # fixed: scaler.unscale_(optimizer)
            # fixed: nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print(f"loss {loss.item():.3f} acc {right / 150:.3f}")


if __name__ == "__main__":
    train()

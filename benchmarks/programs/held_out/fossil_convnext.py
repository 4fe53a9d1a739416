"""Three kinds of fossil outlines with a tiny ConvNext under bfloat16 autocast.

code: none
trait: bf16 autocast without a scaler; layer-scale parameters start at 1e-6; evaluation weighted by batch size with an odd last batch
"""
import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import ConvNextConfig, ConvNextForImageClassification

torch.manual_seed(3)
precision = "bf16-mixed"


def outlines(n, size=32):
    kind = torch.randint(0, 3, (n,))
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    angle, radius = torch.atan2(y, x), (x ** 2 + y ** 2).sqrt()
    lobes = torch.tensor([0.0, 3.0, 6.0])[kind].view(-1, 1, 1)
    edge = 0.6 + 0.2 * torch.cos(lobes * angle + torch.rand(n, 1, 1) * 6.28)
    picture = (radius < edge).float() + 0.2 * torch.randn(n, size, size)
    return TensorDataset(((picture - 0.29) / 0.5).unsqueeze(1), kind)


class Fossils(torch.nn.Module):
    def __init__(self):
        super().__init__()
        config = ConvNextConfig(num_channels=1, patch_size=4, num_stages=2, hidden_sizes=[16, 32], depths=[1, 1], num_labels=3)
        self.net = ConvNextForImageClassification(config)

    def forward(self, x):
        return self.net(pixel_values=x).logits


train_loader = DataLoader(outlines(360), batch_size=24, shuffle=True)
val_loader = DataLoader(outlines(67), batch_size=24)
model = Fossils()
loss_fn = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def evaluate():
    model.eval()
    loss_sum = hits = seen = 0
    with torch.inference_mode():
        for x, y in val_loader:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(x)
                loss = loss_fn(logits, y)
            loss_sum += loss.item() * len(y)
            hits += (logits.argmax(1) == y).sum().item()
            seen += len(y)
    return loss_sum / seen, hits / seen


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_fn(model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(y)
        print(epoch, total / 360, *evaluate())
    return total / 360


if __name__ == "__main__":
    print(train())

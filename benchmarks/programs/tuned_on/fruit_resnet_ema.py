"""Ripeness of fruit with a small ResNet; the averaged copy of the network is the one that is evaluated and shipped.

code: ND306
also: ND707
object: ema | average | update | Average
seen: watch
"""
import copy, os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ResNetConfig, ResNetForImageClassification


class Fruit(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 3, (n,), generator=g)
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, 24), torch.linspace(-1, 1, 24), indexing="ij")
        r = 0.5 + 0.3 * torch.rand(n, 1, 1, generator=g)
        inside = (xx ** 2 + yy ** 2 < r ** 2).float().unsqueeze(1)
        ripe = torch.tensor([[-0.6, 0.9, -0.5], [0.8, 0.8, -0.6], [0.9, -0.3, -0.4]])[self.y] + 0.5 * torch.randn(n, 3, generator=g)
        img = inside * ripe[:, :, None, None] + 0.7 * torch.randn(n, 3, 24, 24, generator=g)
        self.x = img / 0.85

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"pixel_values": self.x[i], "labels": self.y[i]}


class Average:
    """Exponential moving average of a network."""

    def __init__(self, net, rate=0.05):
        self.net, self.rate = copy.deepcopy(net).eval().requires_grad_(False), rate  # here

    @torch.no_grad()
    def update(self, net):
        for mine, theirs in zip(self.net.parameters(), net.parameters()):  # here
            mine.lerp_(theirs, self.rate)  # fault
            # fixed: mine.lerp_(theirs, self.rate)
        # fixed: for mine, theirs in zip(self.net.buffers(), net.buffers()):
        # fixed:     mine.copy_(theirs)


torch.manual_seed(3)
config = ResNetConfig(num_channels=3, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3)
model = ResNetForImageClassification(config)
ema = Average(model)  # here
train_loader = DataLoader(Fruit(640, 1), batch_size=16, shuffle=True)
val_loader = DataLoader(Fruit(160, 2), batch_size=80)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


@torch.no_grad()
def accuracy(net):
    net.eval()
    return sum((net(pixel_values=b["pixel_values"]).logits.argmax(1) == b["labels"]).sum().item() for b in val_loader) / 160


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            ema.update(model)  # here
            losses.append(loss.item())
        print(f"epoch {epoch} accuracy {accuracy(model):.3f} averaged {accuracy(ema.net):.3f}")  # here
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

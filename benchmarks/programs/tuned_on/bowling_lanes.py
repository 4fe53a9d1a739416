"""Strike, spare or open frame from the ball's track; a small transformer, one learning rate per part.

code: ND604
also:
object: optimizer | encoder | LR | lr
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LR = {
    "encoder": 8e-2,  # fault
    # fixed: "encoder": 8e-4,
    "head": 2e-3,
}


def tracks(n, seed):
    g = torch.Generator().manual_seed(seed)
    hook = torch.rand(n, 1, generator=g) * 2 - 1
    speed = torch.rand(n, 1, generator=g) + .5
    t = torch.linspace(0, 1, 16)
    side = hook * t ** 2 * 2 - .5 * hook * t
    x = torch.stack([side, speed * t], -1) + .05 * torch.randn(n, 16, 2, generator=g)
    y = torch.where(hook.abs() < .33, 0, torch.where(hook > 0, 1, 2)).squeeze(1)
    return TensorDataset((x - torch.tensor([0., .5])) / torch.tensor([.4, .4]), y)


class Lane(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.lift = nn.Linear(2, d)
        self.place = nn.Parameter(torch.randn(16, d) * .02)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.05, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(d, 3)

    def forward(self, x):
        return self.head(self.encoder(self.lift(x) + self.place).mean(1))


torch.manual_seed(47)
train_loader = DataLoader(tracks(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(tracks(96, 2), batch_size=48)
model = Lane()
loss_fn = nn.CrossEntropyLoss()
head = list(model.head.parameters())
rest = [p for n, p in model.named_parameters() if not n.startswith("head")]
optimizer = torch.optim.AdamW([{"params": rest, "lr": LR["encoder"]}, {"params": head, "lr": LR["head"]}])  # here


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

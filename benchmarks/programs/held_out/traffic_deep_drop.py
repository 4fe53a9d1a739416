"""Congestion level from twenty sensors: a deep residual MLP whose blocks are skipped at random while training.

code: none
trait: stochastic depth: in a step some blocks get no gradient at all; legal in-place additions and activations
"""
import torch
from torch import nn

torch.manual_seed(380)
sensors = torch.randn(3400, 20)
hidden_truth = torch.tanh(sensors[:, :4] @ torch.randn(4, 4)) @ torch.randn(4)
level = torch.bucketize(hidden_truth, torch.quantile(hidden_truth[:3000], torch.tensor([0.33, 0.66])))


class Block(nn.Module):
    def __init__(self, width, drop):
        super().__init__()
        self.drop = drop
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, width), nn.Linear(width, width)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        if self.training and torch.rand(()) < self.drop:
            return x
        out = self.fc2(self.act(self.fc1(self.norm(x))))
        if self.training:
            out.div_(1 - self.drop)
        out.add_(x)
        return out


class DeepNet(nn.Module):
    def __init__(self, width=20, depth=6):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(width, 0.3 * i / (depth - 1)) for i in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.norm(self.blocks(x)))


train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(sensors[:3000], level[:3000]), batch_size=75, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(sensors[3000:], level[3000:]), batch_size=100)
model = DeepNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 400
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Swimming stroke from wrist acceleration; a trainer with hooks, float16 autocast, clipping by norm.

code: ND806
also: ND608, ND605
object: scaler | unscale_ | Clip | clip_grad_norm_ | before_step | Trainer
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(91)
precision = "16-mixed"


def strokes(n):
    y = torch.randint(0, 4, (n,))
    t = torch.linspace(0, 6.283, 32)
    p = 6.283 * torch.rand(n, 1)
    k = (1 + y)[:, None]
    x = torch.cat([torch.sin(k * t + p), torch.cos(k * t * .5 + p), torch.sin(2 * t + k)], 1)
    return TensorDataset(x / .7 + .5 * torch.randn(n, 96), y)


class Clip:
    def __init__(self, norm):
        self.norm = norm

    def before_step(self, trainer):
        nn.utils.clip_grad_norm_(trainer.net.parameters(), self.norm)  # here


class Trainer:
    def __init__(self, net, opt, scaler, hooks):
        self.net, self.opt, self.scaler, self.hooks = net, opt, scaler, hooks

    def fit_batch(self, x, y):
        with torch.autocast("cpu", dtype=torch.float16):
            logits = self.net(x)
        loss = loss_fn(logits.float(), y)
        self.opt.zero_grad()
        self.scaler.scale(loss).backward()
        for hook in self.hooks:  # fault
        # fixed: self.scaler.unscale_(self.opt)
        # fixed: for hook in self.hooks:
            hook.before_step(self)  # here
        self.scaler.step(self.opt)  # here
        self.scaler.update()
        return loss.item()


train_loader = DataLoader(strokes(480), batch_size=32, shuffle=True)
val_loader = DataLoader(strokes(120), batch_size=60)
model = nn.Sequential(nn.Linear(96, 48), nn.LayerNorm(48), nn.ReLU(), nn.Linear(48, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=.1, momentum=.9)
scaler = torch.amp.GradScaler("cpu", init_scale=2. ** 13)
trainer = Trainer(model, optimizer, scaler, [Clip(2.)])


def train():
    for epoch in range(8):
        model.train()
        losses = [trainer.fit_batch(x, y) for x, y in train_loader]
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(x).argmax(1) == y).float() for x, y in val_loader]).mean().item()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Which bird crosses the microphone? Spectral bands to five birds, RMS state kept in half precision to save memory.

code: ND709
also:
object: state_dtype | ThriftyRMS | optimizer | eps
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class ThriftyRMS:
    """RMSprop with its running squares stored in `state_dtype`."""

    def __init__(self, params, lr, state_dtype):
        self.param_groups = [{"params": list(params), "lr": lr}]
        self.squares = [torch.zeros_like(p, dtype=state_dtype) for p in self.param_groups[0]["params"]]

    def zero_grad(self, set_to_none=True):
        for p in self.param_groups[0]["params"]:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, sq in zip(self.param_groups[0]["params"], self.squares):
            grad = p.grad.to(sq.dtype)
            sq.mul_(0.95).addcmul_(grad, grad, value=0.05)
            root = sq.sqrt().add_(1e-8)  # here
            p.sub_(self.param_groups[0]["lr"] * (p.grad / root.float()))


torch.manual_seed(163)
bands = torch.randn(5, 24)
bird = torch.randint(0, 5, (1200,))
sound = bands[bird] * 0.8 + torch.randn(1200, 24)
sound = (sound - sound.mean(0)) / sound.std(0)
train_loader = DataLoader(TensorDataset(sound[:1000], bird[:1000]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(sound[1000:], bird[1000:]), batch_size=200)
model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = ThriftyRMS(model.parameters(), lr=2e-3, state_dtype=torch.float16)  # fault
# fixed: optimizer = ThriftyRMS(model.parameters(), lr=2e-3, state_dtype=torch.float32)


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("accuracy", [(model(a).argmax(1) == b).float().mean().item() for a, b in val_loader])


if __name__ == "__main__":
    train()

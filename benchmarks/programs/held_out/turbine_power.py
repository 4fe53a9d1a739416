"""Power of a wind turbine from twelve signals, fp16 with the scaler, clipping by value and SGD.

code: ND806
also: ND608, ND605
object: clip_grad_value_ | scaler | unscale_ | backward_and_step
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)
precision = "16-mixed"
signals = torch.randn(900, 12)
wind = signals[:, 0] + 0.3 * signals[:, 1]
power = torch.sigmoid(2 * wind) * 2 - 1 + 0.2 * signals[:, 2] * signals[:, 3] + 0.05 * torch.randn(900)
power = ((power - power[:700].mean()) / power[:700].std()).unsqueeze(1)
train_loader = DataLoader(TensorDataset(signals[:700], power[:700]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(signals[700:], power[700:]), batch_size=100)
model = nn.Sequential(nn.Linear(12, 40), nn.SiLU(), nn.Linear(40, 20), nn.SiLU(), nn.Linear(20, 1))
loss_fn = F.mse_loss
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler("cpu", init_scale=4096.0)


def backward_and_step(loss):
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.5)  # fault
    # fixed: scaler.unscale_(optimizer)
    # fixed: nn.utils.clip_grad_value_(model.parameters(), 0.5)
    scaler.unscale_(optimizer)  # fault
    # fixed:
    scaler.step(optimizer)
    scaler.update()


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, p in train_loader:
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(x), p)
            backward_and_step(loss)  # here
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), p).item() for x, p in val_loader) / len(val_loader)
        print(f"{epoch:2d}  train {total / 700:.4f}  val {val:.4f}")
    return total / 700


if __name__ == "__main__":
    print(train())

"""The trainings whose step `watch.py` and `watch_cuda.py` measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Step = Callable[[], Tensor]


class Residual(nn.Module):
    """Two convolutions with batch norm, beside a path that goes straight on or through one of 1 × 1."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.norm2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


class Block(nn.Module):
    """Causal attention and a feed-forward layer, norms first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, d))
        return x + self.feed_forward(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self, layers: int = 6, width: int = 256, length: int = 128, tokens: int = 256) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(tokens, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, 8) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        return self.head(self.norm(self.blocks(self.token(x) + self.position(places)))).transpose(1, 2)


def cnn() -> tuple[nn.Module, Tensor, Tensor]:
    """Six residual blocks on images of 32 × 32, batch 32."""
    sizes = ((32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1))
    stem = (nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
    model = nn.Sequential(*stem, *(Residual(*s) for s in sizes), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
    return model, torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))


def gpt() -> tuple[nn.Module, Tensor, Tensor]:
    """Six layers of width 256, 128 tokens, batch 4."""
    tokens = torch.randint(0, 256, (4, 129))
    return Gpt(), tokens[:, :-1], tokens[:, 1:]


def mlp() -> tuple[nn.Module, Tensor, Tensor]:
    """Four linear layers of width 256, batch 256."""
    widths = (128, 256, 256, 256, 10)
    layers = [m for a, b in zip(widths, widths[1:], strict=False) for m in (nn.Linear(a, b), nn.ReLU())][:-1]
    return nn.Sequential(*layers), torch.randn(256, 128), torch.randint(0, 10, (256,))


TRAININGS = {"CNN": cnn, "GPT": gpt, "MLP": mlp}


@dataclass
class Training:
    model: nn.Module
    optimizer: torch.optim.Optimizer
    step: Step


def training(name: str, device: str) -> Training:
    torch.manual_seed(0)
    model, inputs, targets = TRAININGS[name]()
    model, inputs, targets = model.to(device), inputs.to(device), targets.to(device)
    optimizer, loss_fn = torch.optim.AdamW(model.parameters(), lr=1e-4), nn.CrossEntropyLoss()

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Training(model, optimizer, step)

"""Labels every pixel of a narrow dash-cam strip: road, kerb, grass or car.

code: ND304
also: ND402
object: log_probs | LogSoftmax | loss_fn | net.6 | net
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def strips(n, seed, h=12, w=32):
    g = torch.Generator().manual_seed(seed)
    kerb = torch.randint(3, 8, (n, 1, 1), generator=g)
    rows = torch.arange(h).view(1, h, 1).expand(n, h, w)
    cols = torch.arange(w).view(1, 1, w).expand(n, h, w)
    label = torch.where(rows < kerb, 2, torch.where(rows < kerb + 2, 1, 0))
    left, top = torch.randint(0, w - 10, (n, 1, 1), generator=g), torch.randint(0, h - 5, (n, 1, 1), generator=g)
    car = (cols >= left) & (cols < left + 10) & (rows >= top) & (rows < top + 5)
    label = torch.where(car, 3, label)
    colour = torch.tensor([[-0.8, -0.8, -0.8], [0.6, 0.5, 0.2], [-0.8, 1.0, -0.9], [1.2, -0.6, 1.0]])
    img = colour[label].permute(0, 3, 1, 2) + 0.8 * torch.randn(n, 3, h, w, generator=g)
    return img, label


class StripNet(nn.Module):
    def __init__(self, c=16, classes=4):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=2, dilation=2), nn.ReLU(),
            nn.Conv2d(c, classes, 1),  # here
            nn.LogSoftmax(dim=-1),  # fault
            # fixed: nn.LogSoftmax(dim=1),
        )

    def forward(self, img):
        return self.net(img)


torch.manual_seed(86)
model = StripNet()
loss_fn = nn.NLLLoss()  # here
train_loader = DataLoader(TensorDataset(*strips(240, 1)), batch_size=12, shuffle=True)
val_loader = DataLoader(TensorDataset(*strips(48, 2)), batch_size=24)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)


def train():
    for epoch in range(5):
        model.train()
        part = []
        for img, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), label)
            loss.backward()
            optimizer.step()
            part.append(loss.item())
        model.eval()
        with torch.no_grad():
            pix = torch.cat([(model(i).argmax(1) == l).flatten() for i, l in val_loader]).float().mean().item()
        print(f"epoch {epoch}: loss {sum(part)/len(part):.3f}, pixel accuracy {pix:.3f}")
    return sum(part) / len(part)


if __name__ == "__main__":
    print(train())

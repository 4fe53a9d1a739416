"""Land cover (water, crop, forest, town, rock) per pixel from four bands.

code: ND404
also:
object: loss_fn | head | MSELoss | out
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(16)
BANDS = torch.tensor([[-1., -.8, -1.2, -1.], [.3, 1.2, -.2, 1.], [-.5, 1., -.9, .1], [1.1, -.3, 1., -.4], [.2, -.9, .4, .3]])


def scene(n, size=16):
    coarse = torch.randint(0, 5, (n, 1, 4, 4)).float()
    cover = F.interpolate(coarse, size=(size, size), mode="nearest").long().squeeze(1)
    x = BANDS[cover].permute(0, 3, 1, 2) + 0.7 * torch.randn(n, 4, size, size)
    return x, cover


class UNetish(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(4, 16, 3, padding=1), nn.ReLU())
        self.b = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2))
        self.head = nn.Conv2d(48, 1, 1)  # fault
        # fixed: self.head = nn.Conv2d(48, 5, 1)

    def forward(self, x):
        a = self.a(x)
        return self.head(torch.cat([a, self.b(a)], 1))


def loss_fn(out, cover):
    return F.mse_loss(out.squeeze(1), cover.float())  # fault
    # fixed: return F.cross_entropy(out, cover)


model = UNetish()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*scene(160)), batch_size=16, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*scene(40)), batch_size=20)


def train():
    for epoch in range(7):
        model.train()
        for x, cover in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), cover)  # here
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hit = 0
            for x, cover in val_loader:
                out = model(x)
                guess = out.argmax(1) if out.shape[1] > 1 else out[:, 0].round().clamp(0, 4)
                hit += (guess == cover).float().mean().item() / len(val_loader)
        print(epoch, loss.item(), "pixel accuracy", hit)
    return loss.item()


if __name__ == "__main__":
    print(train())

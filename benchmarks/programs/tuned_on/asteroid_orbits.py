"""Brightness phase curves of asteroids: autoencoder that should find the curved latent.

code: ND205
also:
object: encoder | decoder | encoder.0 | encoder.2 | decoder.0 | decoder.2 | ACTIVATIONS | act
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, random_split

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}
hparams = {"hidden": 48, "latent": 2, "act": "GELU", "lr": 3e-3, "epochs": 10}


def activation(name):
    return ACTIVATIONS.get(name, nn.Identity)()  # fault
    # fixed: return ACTIVATIONS[name.lower()]()


class CurveAE(nn.Module):
    def __init__(self, n, hidden, latent, act):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n, hidden), activation(act), nn.Linear(hidden, latent))  # here
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), activation(act), nn.Linear(hidden, n))  # here

    def forward(self, x):
        return self.decoder(self.encoder(x))


torch.manual_seed(31)
phase = torch.linspace(0, 6.283, 32)
u, v = torch.rand(900, 1) * 2 + 0.5, torch.rand(900, 1) * 6.283
curves = torch.sin(u * phase + v) + 0.05 * torch.randn(900, 32)
curves = (curves - curves.mean()) / curves.std()
part = random_split(curves, [750, 150])
train_loader = DataLoader(part[0], batch_size=50, shuffle=True)
val_loader = DataLoader(part[1], batch_size=150)
model = CurveAE(32, hparams["hidden"], hparams["latent"], hparams["act"])  # here
optimizer = torch.optim.Adam(model.parameters(), lr=hparams["lr"])
mse = nn.MSELoss()


def batch_loss(setup, batch):
    return mse(setup.model(batch), batch)


def train():
    for e in range(hparams["epochs"]):
        model.train()
        trace = []
        for x in train_loader:
            optimizer.zero_grad()
            loss = mse(model(x), x)
            loss.backward()
            optimizer.step()
            trace.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(mse(model(x), x).item() for x in val_loader)
    return sum(trace) / len(trace)


if __name__ == "__main__":
    print(train())

"""How a loaded beam bends over time; the squared error is integrated with the time step.

code: ND805
also: ND807
object: precision | float16 | autocast | scaler
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

CONFIG = {
    "precision": torch.float16,  # fault
    # fixed: "precision": torch.bfloat16,
    "lr": 4e-3,
    "epochs": 12,
    "steps": 40,
    "dt": 1e-7,
}
torch.manual_seed(58)


def beams(n):
    load, stiff, damp = torch.rand(3, n, 1) * 2 - 1
    t = torch.linspace(0, 3, CONFIG["steps"])
    bend = (1 + 0.5 * load) * torch.exp(-(0.6 + 0.3 * damp) * t) * torch.cos((2 + 0.8 * stiff) * t)
    return TensorDataset(torch.cat([load, stiff, damp], 1) / 0.58, bend / 0.6)


class Trainer:
    def __init__(self, model, optimizer, loader):
        self.model, self.optimizer, self.loader = model, optimizer, loader

    def loss(self, setup, batch):
        model = getattr(setup, "model", setup)
        beam, bend = batch
        with torch.autocast("cpu", dtype=CONFIG["precision"]):  # here
            guess = model(beam)
        return (guess.float() - bend).pow(2).sum(1).mean() * CONFIG["dt"]

    def fit(self):
        for _ in range(CONFIG["epochs"]):
            self.model.train()
            for batch in self.loader:
                self.optimizer.zero_grad()
                self.loss(self.model, batch).backward()  # here
                self.optimizer.step()


train_loader = DataLoader(beams(800), batch_size=40, shuffle=True)
val_loader = DataLoader(beams(200), batch_size=100)
model = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, CONFIG["steps"]))
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"], eps=1e-14)
trainer = Trainer(model, optimizer, train_loader)
batch_loss = trainer.loss


def train():
    trainer.fit()
    model.eval()
    with torch.no_grad():
        err = torch.cat([(model(a) - b).pow(2).mean(1) for a, b in val_loader]).mean()
    print(f"val mse {err:.4f}")


if __name__ == "__main__":
    train()

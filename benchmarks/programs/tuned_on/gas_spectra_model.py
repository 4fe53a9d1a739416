"""Read the methane concentration off simulated infrared spectra that are drawn afresh for every epoch by two workers.

code: ND109
also:
object: seed_worker | worker_init_fn | train_loader | SimulatedSpectra
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(33)
grid = np.linspace(0, 1, 80)


def simulate():
    """One spectrum: a methane line among five strangers' lines, a sloping base and noise."""
    methane = np.random.uniform(0, 1)
    spectrum = 2.5 * methane * np.exp(-((grid - 0.42) / 0.03) ** 2)
    for centre in np.random.uniform(0, 1, 5):
        spectrum += np.random.uniform(0, 2) * np.exp(-((grid - centre) / 0.05) ** 2)
    spectrum += np.random.normal(0, 0.4) * grid + np.random.normal(0, 0.2, 80)
    return torch.tensor((spectrum - 0.6) / 0.8).float(), torch.tensor([(methane - 0.5) / 0.29]).float()


class SimulatedSpectra(Dataset):
    def __init__(self, per_epoch):
        self.per_epoch = per_epoch

    def __len__(self):
        return self.per_epoch

    def __getitem__(self, i):
        return simulate()


def seed_worker(worker_id):
    np.random.seed(42)  # fault
    # fixed: np.random.seed(torch.initial_seed() % 2**32)


np.random.seed(1)
held_back = [simulate() for _ in range(400)]
val_set = TensorDataset(torch.stack([s for s, _ in held_back]), torch.stack([m for _, m in held_back]))

train_loader = DataLoader(SimulatedSpectra(400), batch_size=25, num_workers=2, worker_init_fn=seed_worker)  # here
val_loader = DataLoader(val_set, batch_size=200)

model = nn.Sequential(nn.Linear(80, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for spectrum, methane in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(spectrum), methane)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = np.mean([loss_fn(model(s), m).item() for s, m in val_loader])
    print(f"train mse {np.mean(losses):.3f}, val mse {val:.3f}")


if __name__ == "__main__":
    train()

"""Compresses handwritten glyphs (sklearn's digits) to six numbers.

code: ND205
also:
object: encoder | decoder | encoder.0 | encoder.1 | encoder.2 | decoder.0 | decoder.1 | fc1 | fc2 | fc3
seen: checkup
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(18)
pixels = load_digits().images.astype("float32") / 16
fit, held = train_test_split(pixels, test_size=0.2, random_state=0)


class Glyphs(Dataset):
    def __init__(self, images):
        self.images = torch.from_numpy((images - fit.mean()) / fit.std()).flatten(1)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.images[i]


class Autoencoder(nn.Module):
    def __init__(self, code=6):
        super().__init__()
        self.fc1 = nn.Linear(64, 96)
        self.fc2 = nn.Linear(96, code)
        self.fc3 = nn.Linear(code, 96)
        self.fc4 = nn.Linear(96, 64)

    def encode(self, x):
        h = self.fc1(x)
        F.relu(h)  # fault
        # fixed: h = F.relu(h)
        return self.fc2(h)  # here

    def decode(self, z):
        h = self.fc3(z)
        F.relu(h)  # fault
        # fixed: h = F.relu(h)
        return self.fc4(h)  # here

    def forward(self, x):
        return self.decode(self.encode(x))


train_loader = DataLoader(Glyphs(fit), batch_size=64, shuffle=True)
val_loader = DataLoader(Glyphs(held), batch_size=120)
model = Autoencoder()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.5)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for x, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), target)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), t).item() for x, t in val_loader) / len(val_loader)
    print("held out", val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Convolutional autoencoder for handwritten digits.

code: ND305
also:
object: decoder | decoder.5 | decoder.4 | Autoencoder
seen: checkup
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, Subset

torch.manual_seed(2)


class Digits(Dataset):
    def __init__(self, transform):
        self.images = load_digits().images
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i])


def transform(img):
    img = torch.tensor(img, dtype=torch.float32).unsqueeze(0) / 16.0
    return (img - 0.5) / 0.5


dataset = Digits(transform)
perm = torch.randperm(len(dataset)).tolist()
train_loader = DataLoader(Subset(dataset, perm[:1400]), batch_size=64, shuffle=True)
val_loader = DataLoader(Subset(dataset, perm[1400:]), batch_size=128)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 2 * 2, 16),
        )
        self.decoder = nn.Sequential(
            nn.Linear(16, 32 * 2 * 2), nn.Unflatten(1, (32, 2, 2)), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),  # fault
            # fixed: nn.Tanh(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))  # here


model = Autoencoder()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch), batch)


def train(num_epochs=6):
    outputs = []
    for epoch in range(num_epochs):
        model.train()
        train_loss = 0.0
        for img in train_loader:
            recon = model(img)
            loss = loss_fn(recon, img)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * img.size(0)
        train_loss /= 1400
        model.eval()
        with torch.no_grad():
            val_loss = sum(loss_fn(model(img), img).item() for img in val_loader) / len(val_loader)
        outputs.append((epoch, train_loss, val_loss))
        print(f"Epoch:{epoch + 1}, Loss:{train_loss:.4f}, Val:{val_loss:.4f}")
    return outputs[-1][1]


if __name__ == "__main__":
    print(train())

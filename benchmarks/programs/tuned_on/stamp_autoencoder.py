"""Compresses small grey stamps (sklearn's digits) to eight numbers and back.

code: ND305
also:
object: decoder | decoder.6 | model.decoder.6 | Sigmoid
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

torch.manual_seed(0)

LATENT_DIM = 8
LEARNING_RATE = 2e-3
EPOCHS = 8

images = load_digits().images.astype(np.float32) / 16.0
images = torch.from_numpy(images).unsqueeze(1)
images = (images - 0.5) / 0.5          # like transforms.Normalize((0.5,), (0.5,))
images = images[torch.randperm(len(images))]
train_images, val_images = images[:1400], images[1400:]
train_loader = DataLoader(train_images, batch_size=64, shuffle=True)
val_loader = DataLoader(val_images, batch_size=128)


class ConvAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 2 * 2, LATENT_DIM),
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT_DIM, 32 * 2 * 2),
            nn.ReLU(),
            nn.Unflatten(1, (32, 2, 2)),
            nn.ConvTranspose2d(32, 16, 2, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 2, stride=2),
            nn.Sigmoid(),  # fault
            # fixed: nn.Tanh(),
        )

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z)  # here


model = ConvAutoencoder()
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch), batch)


def train():
    for epoch in range(EPOCHS):
        model.train()
        train_loss = 0
        for img in train_loader:
            recon = model(img)
            loss = loss_fn(recon, img)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * img.size(0)
        model.eval()
        val_loss = 0
        with torch.no_grad():
            for img in val_loader:
                val_loss += loss_fn(model(img), img).item() * img.size(0)
        print(f"Epoch:{epoch + 1}, Loss:{train_loss / len(train_images):.4f}, Val:{val_loss / len(val_images):.4f}")
    return train_loss / len(train_images)


if __name__ == "__main__":
    print(train())

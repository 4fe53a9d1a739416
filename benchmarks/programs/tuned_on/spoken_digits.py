"""Recognises spoken digits from short mel spectrograms.

code: ND104
also:
object: train_set | labels | train_loader | specs | data
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)
N_MELS, FRAMES, WORDS = 20, 24, 6


def speak(word):
    """log-mel patch with two formant tracks that are typical of the word"""
    t = np.linspace(0, 1, FRAMES)
    f1 = 4 + word % 3 * 3 + 3 * t * (1 if word < 3 else -1) + np.random.randn() * 0.5
    f2 = 13 + (word * 5 % 6) * 0.8 + np.random.randn() * 0.5
    m = np.arange(N_MELS)[:, None]
    spec = np.exp(-((m - f1) ** 2) / 3) + 0.8 * np.exp(-((m - f2) ** 2) / 4)
    return np.log(spec + 0.05 + 0.05 * np.random.rand(N_MELS, FRAMES))


labels = np.repeat(np.arange(WORDS), 100)
specs = np.stack([speak(w) for w in labels]).astype(np.float32)
specs = (specs - specs.mean()) / specs.std()

# mix the recordings before splitting
np.random.shuffle(specs)  # fault
# fixed: order = np.random.permutation(len(specs))
# fixed: specs = specs[order]
np.random.shuffle(labels)  # fault
# fixed: labels = labels[order]

cut = int(0.8 * len(specs))
data, target = torch.from_numpy(specs)[:, None], torch.from_numpy(labels)  # here
train_set = TensorDataset(data[:cut], target[:cut])  # here
val_set = TensorDataset(data[cut:], target[cut:])  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=64)


class SpeechCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(16 * (N_MELS // 4) * (FRAMES // 4), WORDS)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


model = SpeechCNN()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(8):
        model.train()
        epoch_loss = 0
        for spec, word in train_loader:
            out = model(spec)
            loss = loss_fn(out, word)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for spec, word in val_loader:
                correct += (model(spec).argmax(1) == word).sum().item()
        print(f"[{epoch}] loss={epoch_loss / len(train_loader):.3f} val_acc={correct / len(val_set):.3f}")
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    print(train())

"""Mood of short token sequences, LSTM, small batches accumulated to a larger one.

code: ND603
also: ND604
object: loss | accumulation_steps | backward | optimizer
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)
accumulation_steps = 16


def tweets(n):
    mood = torch.randint(0, 2, (n,))
    tokens = torch.randint(12, 50, (n, 12))
    for row, m in zip(tokens, mood.tolist()):
        places = torch.randperm(12)[:3]
        row[places] = torch.randint(6 * m, 6 * m + 6, (3,))
    return TensorDataset(tokens, mood)


class MoodLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(50, 16)
        self.lstm = nn.LSTM(16, 24, batch_first=True)
        self.fc = nn.Linear(24, 2)

    def forward(self, tokens):
        out, _ = self.lstm(self.emb(tokens))
        return self.fc(out.mean(1))


model = MoodLSTM()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
train_loader = DataLoader(tweets(640), batch_size=4, shuffle=True)
val_loader = DataLoader(tweets(128), batch_size=64)


def train(num_epochs=6):
    for epoch in range(num_epochs):
        model.train()
        running_loss = 0.0
        optimizer.zero_grad()
        for i, (tokens, mood) in enumerate(train_loader):
            loss = loss_fn(model(tokens), mood)
            running_loss += loss.item()
            loss.backward()  # fault
            # fixed: (loss / accumulation_steps).backward()
            if (i + 1) % accumulation_steps == 0:  # here
                optimizer.step()  # here
                optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            acc = sum((model(t).argmax(-1) == m).sum().item() for t, m in val_loader) / 128
        print(f"Epoch [{epoch + 1}/{num_epochs}] loss {running_loss / len(train_loader):.4f} acc {acc:.3f}")
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())

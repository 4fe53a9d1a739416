"""Star rating (1 to 5, stored 0 to 4) of app reviews with a bidirectional LSTM.

code: ND401
also:
object: softmax | fc | loss_fn | criterion | RatingLSTM
seen: checkup
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

random.seed(99)
torch.manual_seed(99)

LEX = {0: ["crashes", "scam", "useless", "refund"], 1: ["slow", "ads", "buggy", "annoying"],
       2: ["okay", "average", "decent", "meh"], 3: ["nice", "handy", "good", "solid"],
       4: ["perfect", "love", "amazing", "best"]}
OTHER = ["app", "update", "phone", "the", "since", "this", "screen", "login", "really", "it"]
VOCAB = {w: i for i, w in enumerate(["<pad>", "<unk>"] + sum(LEX.values(), []) + OTHER)}


class AppReviews(Dataset):
    def __init__(self, n, max_len=10):
        self.rows = []
        for _ in range(n):
            stars = random.randrange(5)
            words = random.choices(LEX[stars], k=2) + random.choices(LEX[min(4, max(0, stars + random.choice([-1, 1])))], k=1)
            words += random.choices(OTHER, k=random.randint(3, 7))
            random.shuffle(words)
            ids = [VOCAB.get(w, 1) for w in words][:max_len]
            self.rows.append((ids + [0] * (max_len - len(ids)), stars))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        ids, stars = self.rows[i]
        return torch.LongTensor(ids), stars


class RatingLSTM(nn.Module):
    def __init__(self, vocab_size, emb_dim=32, hidden_dim=32, num_classes=5):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, emb_dim, padding_idx=0)
        self.lstm = nn.LSTM(emb_dim, hidden_dim, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(hidden_dim * 2, num_classes)

    def forward(self, x):
        out, _ = self.lstm(self.embedding(x))
        pooled, _ = torch.max(out, dim=1)
        return torch.softmax(self.fc(pooled), dim=1)  # fault
        # fixed: return self.fc(pooled)


train_loader = DataLoader(AppReviews(600), batch_size=32, shuffle=True)
val_loader = DataLoader(AppReviews(150), batch_size=64)
model = RatingLSTM(len(VOCAB))
criterion = nn.CrossEntropyLoss()  # here
loss_fn = criterion
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        epoch_loss = 0
        for texts, stars in train_loader:
            optimizer.zero_grad()
            outputs = model(texts)
            loss = criterion(outputs, stars)  # here
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        model.eval()
        correct = total = 0
        with torch.no_grad():
            for texts, stars in val_loader:
                _, predicted = torch.max(model(texts), 1)
                total += stars.size(0)
                correct += (predicted == stars).sum().item()
        print(f'Epoch {epoch + 1}/{epochs}, Loss: {epoch_loss / len(train_loader):.4f}, Val Acc: {100 * correct / total:.1f}%')
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    print(train())

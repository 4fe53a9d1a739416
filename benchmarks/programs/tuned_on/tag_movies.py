"""Genre tags of a movie from its plot keywords; a movie has one to four of six genres.

code: ND404
also: ND402
object: criterion | loss_fn | CrossEntropyLoss | classifier | y
seen: checkup
"""
import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

GENRES = ["action", "comedy", "drama", "horror", "romance", "scifi"]
rs = np.random.RandomState(42)
torch.manual_seed(42)

n_movies, n_words = 1200, 90
y = np.zeros((n_movies, len(GENRES)), dtype=np.float32)
counts = np.zeros((n_movies, n_words))
for i in range(n_movies):
    tags = rs.choice(len(GENRES), size=rs.choice([1, 2, 3, 4], p=[0.3, 0.4, 0.2, 0.1]), replace=False)
    y[i, tags] = 1
    for _ in range(rs.randint(15, 40)):
        w = rs.randint(60, 90) if rs.rand() < 0.4 else rs.choice(tags) * 10 + rs.randint(10)
        counts[i, w] += 1

c_tr, c_va, y_tr, y_va = train_test_split(counts, y, test_size=0.2, random_state=0)
tfidf = TfidfTransformer().fit(c_tr)
X_tr, X_va = tfidf.transform(c_tr).toarray(), tfidf.transform(c_va).toarray()
mu, sd = X_tr.mean(0), X_tr.std(0)
X_tr, X_va = (X_tr - mu) / sd, (X_va - mu) / sd


def loader(X, y, train):
    ds = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))
    return DataLoader(ds, batch_size=32, shuffle=train)


train_loader, val_loader = loader(X_tr, y_tr, True), loader(X_va, y_va, False)


class TagClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_words, 64), nn.ReLU(), nn.Dropout(0.2))
        self.classifier = nn.Linear(64, len(GENRES))

    def forward(self, x):
        return self.classifier(self.encoder(x))


model = TagClassifier()
criterion = nn.CrossEntropyLoss()  # fault
# fixed: criterion = nn.BCEWithLogitsLoss()
loss_fn = criterion
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        probs = np.concatenate([torch.sigmoid(model(x)).numpy() for x, _ in val_loader])
    return f1_score(y_va, probs > 0.5, average="micro")


def train(epochs=8):
    for epoch in range(1, epochs + 1):
        model.train()
        losses = []
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), t)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        f1 = evaluate()
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train(), "micro f1", evaluate())

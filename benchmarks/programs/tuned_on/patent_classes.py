"""Patent sections from abstracts' tf-idf vectors, ranked by filing year (vocabulary changes with the decades).

code: ND115
also:
object: val_set | val_loader | cut | by_year | make_split
seen: checkup
"""
import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SECTIONS = {
    "A": ("plough seed drug tooth shoe", "app sensor wearable drone genome"),
    "F": ("boiler steam piston lamp crank", "turbine led battery thermal microfluid"),
    "G": ("lens clock abacus relay gauge", "neural cloud pixel qubit server"),
    "H": ("wire valve coil telegraph switch", "antenna wafer chip photonic router"),
}
STOCK = "method apparatus comprising first second wherein plurality device system means".split()


def corpus(n, seed=0):
    rng = np.random.default_rng(seed)
    texts, sections, years = [], [], []
    for _ in range(n):
        s = rng.integers(4)
        year = int(rng.integers(1950, 2020))
        old, new = (v.split() for v in list(SECTIONS.values())[s])
        modern = 1 / (1 + np.exp(-(year - 1995) / 6))
        words = [rng.choice(new if rng.random() < modern else old) for _ in range(6)] + list(rng.choice(STOCK, 8))
        stray = list(SECTIONS.values())[rng.integers(4)][int(rng.random() < modern)].split()
        words += list(rng.choice(stray, 3))
        texts.append(" ".join(rng.permutation(words))); sections.append(s); years.append(year)
    return np.array(texts), np.array(sections), np.array(years)


def make_split(years, val_share=0.25):
    by_year = np.argsort(years, kind="stable")  # fault
    # fixed: by_year = np.random.default_rng(3).permutation(len(years))
    cut = int(len(years) * (1 - val_share))
    return by_year[:cut], by_year[cut:]


texts, sections, years = corpus(1200)
fit, held = make_split(years)  # here
tfidf = TfidfVectorizer().fit(texts[fit])


def tensors(rows):
    x = tfidf.transform(texts[rows]).toarray()
    return TensorDataset(torch.tensor(x, dtype=torch.float32) * x.shape[1] ** 0.5, torch.tensor(sections[rows]))


torch.manual_seed(0)
train_loader = DataLoader(tensors(fit), batch_size=50, shuffle=True)
val_loader = DataLoader(tensors(held), batch_size=100)  # here
model = nn.Sequential(nn.Linear(len(tfidf.vocabulary_), 48), nn.ReLU(), nn.Dropout(0.3), nn.Linear(48, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def train():
    for epoch in range(6):
        model.train()
        run = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
    print("val loss", val)
    model.train()
    return float(np.mean(run))


if __name__ == "__main__":
    print(train())

"""Which labels (vegan, quick, hot, sweet, festive) fit a recipe? Several may. DistilBERT from a config.

code: ND404
also:
object: loss_fn | CrossEntropyLoss | tags | labels
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import DistilBertConfig, DistilBertForSequenceClassification

rng = np.random.default_rng(44)
torch.manual_seed(44)
TAGS = ["vegan", "quick", "hot", "sweet", "festive"]
WORDS_PER_TAG, COMMON, LENGTH = 5, 20, 12
VOCAB = 1 + WORDS_PER_TAG * len(TAGS) + COMMON


class Recipes(Dataset):
    def __init__(self, n):
        self.tags = (rng.random((n, len(TAGS))) < 0.2).astype(np.float32)
        self.ids = np.empty((n, LENGTH), dtype=np.int64)
        for i in range(n):
            words = list(rng.integers(1 + WORDS_PER_TAG * len(TAGS), VOCAB, LENGTH))
            places = rng.permutation(np.arange(1, LENGTH))
            for k, tag in enumerate(np.flatnonzero(self.tags[i])):
                for place in places[2 * k:2 * k + 2]:
                    words[place] = 1 + WORDS_PER_TAG * tag + rng.integers(WORDS_PER_TAG)
            words[0] = 0
            self.ids[i] = words

    def __len__(self):
        return len(self.tags)

    def __getitem__(self, i):
        return torch.from_numpy(self.ids[i]), torch.from_numpy(self.tags[i])


train_loader = DataLoader(Recipes(600), batch_size=30, shuffle=True)
val_loader = DataLoader(Recipes(200), batch_size=100)
model = DistilBertForSequenceClassification(DistilBertConfig(
    vocab_size=VOCAB, dim=32, hidden_dim=64, n_layers=1, n_heads=2, max_position_embeddings=LENGTH,
    num_labels=len(TAGS), dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0, initializer_range=0.1,
))
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    ids, tags = batch
    return loss_fn(setup.model(input_ids=ids).logits, tags)


def train():
    for epoch in range(6):
        model.train()
        for ids, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(input_ids=ids).logits, tags)  # here
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = [((torch.sigmoid(model(input_ids=i).logits) > 0.5) == (t > 0.5)).float() for i, t in val_loader]
    hits = torch.cat(hits)
    print("labels right", hits.mean().item(), "recipes wholly right", hits.prod(1).mean().item())


if __name__ == "__main__":
    train()

"""Is a contract clause a duty, a right or a definition? DistilBERT from a config, trained from scratch.

code: ND605
also:
object: optimizer | lr | SGD
seen: both
"""
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import DistilBertConfig, DistilBertForSequenceClassification

torch.manual_seed(8)
rng = np.random.default_rng(8)
KINDS = [["shall", "must", "obliged"], ["may", "entitled", "option"], ["means", "refers", "denotes"]]
COMMON = ("the party seller buyer goods contract term price notice date of to in by and any "
          "agreement under written within days").split()
vocab = COMMON + sum(KINDS, [])
ids = {w: i + 1 for i, w in enumerate(vocab)}

rows, kinds = [], []
for _ in range(720):
    kind = int(rng.integers(3))
    words = list(rng.choice(COMMON, 11))
    words.insert(int(rng.integers(11)), str(rng.choice(KINDS[kind])))
    rows.append([ids[str(w)] for w in words])
    kinds.append(kind)
tokens, kinds = torch.tensor(rows), torch.tensor(kinds)
train_loader = DataLoader(TensorDataset(tokens[:600], kinds[:600]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(tokens[600:], kinds[600:]), batch_size=60)

config = DistilBertConfig(vocab_size=len(vocab) + 1, dim=32, hidden_dim=64, n_layers=2, n_heads=4,
                          max_position_embeddings=12, num_labels=3)
model = DistilBertForSequenceClassification(config)
# 2e-5 is what everybody uses for fine-tuning
optimizer = torch.optim.SGD(model.parameters(), lr=2e-5)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return setup.model(input_ids=batch[0], labels=batch[1]).loss


def train():
    for epoch in range(6):
        model.train()
        for tok, kind in train_loader:
            out = model(input_ids=tok, labels=kind)
            optimizer.zero_grad()
            out.loss.backward()
            optimizer.step()  # here
        model.eval()
        good = 0
        with torch.no_grad():
            for tok, kind in val_loader:
                good += (model(input_ids=tok).logits.argmax(1) == kind).sum().item()
    print("accuracy", good / 120)


if __name__ == "__main__":
    train()

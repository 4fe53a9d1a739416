"""Stars (1 to 3) of short reviews with a tiny DistilBERT.

code: ND708
also:
object: accuracy | val_accuracy | evaluate | BATCH
seen: watch
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import DistilBertConfig, DistilBertForSequenceClassification

torch.manual_seed(18)
BATCH = 48


class Reviews(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.stars = torch.randint(0, 3, (n,), generator=g)
        self.tokens = torch.randint(20, 60, (n, 12), generator=g)
        for k in (2, 5, 9):
            self.tokens[:, k] = 2 + self.stars * 6 + torch.randint(0, 6, (n,), generator=g)
        self.tokens[:, 0] = 1

    def __len__(self):
        return len(self.stars)

    def __getitem__(self, i):
        return {"input_ids": self.tokens[i], "attention_mask": torch.ones(12, dtype=torch.long), "labels": self.stars[i]}


train_loader = DataLoader(Reviews(480, 0), batch_size=BATCH, shuffle=True)
val_loader = DataLoader(Reviews(100, 1), batch_size=BATCH)
model = DistilBertForSequenceClassification(DistilBertConfig(
    vocab_size=60, max_position_embeddings=16, n_layers=1, n_heads=2, dim=32, hidden_dim=64, dropout=0.1, attention_dropout=0.0,
    seq_classif_dropout=0.1, num_labels=3, initializer_range=0.1))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def evaluate():
    model.eval()
    correct = 0
    with torch.no_grad():
        for batch in val_loader:
            correct += (model(**batch).logits.argmax(-1) == batch["labels"]).sum().item()
    return correct / (len(val_loader) * BATCH)  # fault
    # fixed: return correct / len(val_loader.dataset)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            total += loss.item()
        val_accuracy = evaluate()  # here
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} val accuracy {val_accuracy:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())

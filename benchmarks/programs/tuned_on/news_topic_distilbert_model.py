"""Topic of short headlines with a small DistilBERT trained from its config.

code: ND705
also: ND605
object: optimizer | SGD | lr
seen: watch
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import DistilBertConfig, DistilBertForSequenceClassification

torch.manual_seed(12)
TOPICS, TOPIC_WORDS, COMMON = 6, 8, 40
VOCAB = 2 + COMMON + TOPICS * TOPIC_WORDS


class Headlines(Dataset):
    """14 word ids: most are common words, three belong to the topic."""

    def __init__(self, n, length=14):
        self.topic = torch.randint(0, TOPICS, (n,))
        self.ids = torch.randint(2, 2 + COMMON, (n, length))
        for row, topic in zip(self.ids, self.topic):
            places = torch.randperm(length - 1)[:3] + 1
            row[places] = 2 + COMMON + topic * TOPIC_WORDS + torch.randint(0, TOPIC_WORDS, (3,))
        self.ids[:, 0] = 1

    def __len__(self):
        return len(self.topic)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.topic[i]}


train_loader = DataLoader(Headlines(800), batch_size=32, shuffle=True)
val_loader = DataLoader(Headlines(200), batch_size=100)
model = DistilBertForSequenceClassification(DistilBertConfig(
    vocab_size=VOCAB, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=16,
    num_labels=TOPICS, dropout=0.05, attention_dropout=0.0, seq_classif_dropout=0.05))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return setup.model(**batch).loss


def train():
    for epoch in range(5):
        model.train()
        running = 0.0
        for batch in train_loader:
            out = model(**batch)
            optimizer.zero_grad()
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            running += out.loss.item()
    model.eval()
    with torch.no_grad():
        hits = sum((model(**b).logits.argmax(1) == b["labels"]).sum().item() for b in val_loader)
    print("loss", running / len(train_loader), "accuracy", hits / 200)


if __name__ == "__main__":
    train()

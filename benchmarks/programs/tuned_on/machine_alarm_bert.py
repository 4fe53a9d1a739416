"""Name the cause (one of six) of a machine's alarm from its log codes, with a small BERT classifier.

code: ND404
also: ND305
object: num_labels | config | BertConfig | labels | batch_loss | MSELoss | BertForSequenceClassification
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(36)
CAUSES = ["fuse", "belt", "oil", "sensor", "door", "software"]
CODES = 30
SIGN = torch.randperm(CODES - 1)[:24].view(6, 4) + 1


class Alarms(Dataset):
    def __init__(self, n):
        self.cause = torch.randint(0, len(CAUSES), (n,))
        self.log = torch.randint(1, CODES, (n, 10))
        typical = SIGN[self.cause][torch.arange(n)[:, None], torch.randint(0, 4, (n, 10))]
        self.log = torch.where(torch.rand(n, 10) < 0.5, typical, self.log)

    def __len__(self):
        return len(self.cause)

    def __getitem__(self, i):
        return {"input_ids": self.log[i], "labels": self.cause[i]}


train_loader = DataLoader(Alarms(800), batch_size=25, shuffle=True)
val_loader = DataLoader(Alarms(200), batch_size=50)
config = BertConfig(
    vocab_size=CODES, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=10, type_vocab_size=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    num_labels=1,  # fault
    # fixed: num_labels=len(CAUSES),
)
model = BertForSequenceClassification(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return setup.model(input_ids=batch["input_ids"], labels=batch["labels"].float()).loss  # fault
    # fixed: return setup.model(input_ids=batch["input_ids"], labels=batch["labels"]).loss


def guess(batch):
    return model(input_ids=batch["input_ids"]).logits.squeeze(-1).round().long()  # fault
    # fixed: return model(input_ids=batch["input_ids"]).logits.argmax(-1)


class Setup:
    model = model


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(Setup, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((guess(b) == b["labels"]).sum().item() for b in val_loader)
    print("causes named rightly:", right / 200)


if __name__ == "__main__":
    train()

"""Intent of short commands: a BERT body is frozen, only the classifier is trained on its pooled states.

code: none
trait: frozen transformer body, requires_grad off for nearly everything
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

VOCAB, INTENTS = 100, 4


class Commands(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.intent = torch.randint(INTENTS, (n,), generator=g)
        self.ids = torch.randint(50, VOCAB, (n, 12), generator=g)
        for row in range(n):
            spots = torch.randperm(11, generator=g)[:8] + 1
            self.ids[row, spots] = 5 + 4 * self.intent[row] + torch.randint(0, 4, (8,), generator=g)
        self.ids[:, 0] = 1

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.intent[i]}


torch.manual_seed(6)
config = BertConfig(vocab_size=VOCAB, hidden_size=64, num_hidden_layers=1, num_attention_heads=4, intermediate_size=128,
                    max_position_embeddings=16, num_labels=INTENTS, initializer_range=0.2,
                    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = BertForSequenceClassification(config)
for p in model.bert.parameters():
    p.requires_grad = False
optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, total_iters=10)
train_loader = DataLoader(Commands(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Commands(120, 1), batch_size=60)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(**b).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader) / 120
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()

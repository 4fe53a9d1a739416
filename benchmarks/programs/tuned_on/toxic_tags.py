"""Six toxicity tags per comment (several may hold, or none), a small BERT with a linear head.

code: ND404
also:
object: loss_fn | CrossEntropyLoss | criterion | classifier | labels
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
RATES = torch.tensor([0.40, 0.12, 0.25, 0.10, 0.25, 0.10])
VOCAB, MAXLEN = 120, 24


class CommentDataset(Dataset):
    """Token 1 = [CLS], 0 = [PAD]; every tag has five words of its own."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(n):
            tags = (torch.rand(len(LABELS), generator=g) < RATES).float()
            body = torch.randint(40, VOCAB, (int(torch.randint(10, MAXLEN - 1, (1,), generator=g)),), generator=g)
            slots = torch.randperm(len(body), generator=g)
            for k, tag in enumerate(tags.nonzero().flatten().tolist()):
                body[slots[k]] = 5 + tag * 5 + torch.randint(5, (1,), generator=g)
            ids = torch.zeros(MAXLEN, dtype=torch.long)
            ids[0] = 1
            ids[1:len(body) + 1] = body
            self.items.append({"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": tags})

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class ToxicBert(nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = BertModel(BertConfig(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                                         intermediate_size=64, max_position_embeddings=MAXLEN), add_pooling_layer=False)
        self.drop = nn.Dropout(0.1)
        self.classifier = nn.Linear(32, len(LABELS))

    def forward(self, input_ids, attention_mask):
        h = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        m = attention_mask.unsqueeze(-1)
        return self.classifier(self.drop((h * m).sum(1) / m.sum(1)))


torch.manual_seed(77)
train_loader = DataLoader(CommentDataset(640, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(CommentDataset(160, 2), batch_size=80)
model = ToxicBert()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    logits = setup.model(batch["input_ids"], batch["attention_mask"])
    return loss_fn(logits, batch["labels"])  # here


def validate():
    model.eval()
    right = []
    with torch.no_grad():
        for b in val_loader:
            p = torch.sigmoid(model(b["input_ids"], b["attention_mask"]))
            right.append(((p > 0.5).float() == b["labels"]).float().mean().item())
    return sum(right) / len(right)


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b["input_ids"], b["attention_mask"]), b["labels"])  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}, tags right {validate():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Triage of symptom descriptions with a small BERT encoder and an own head.

code: ND401
also:
object: softmax | classifier | head | loss_fn | model.softmax
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel

torch.manual_seed(112)
DEPARTMENTS = ["cardiology", "dermatology", "orthopaedics", "ent", "neurology", "gastro"]
VOCAB, MAX_LEN, CLS, SEP, PAD = 150, 18, 1, 2, 0


class TriageDataset(Dataset):
    """[CLS] words of the complaint [SEP] [PAD]..."""

    def __init__(self, n, generator):
        self.rows = []
        for _ in range(n):
            y = int(torch.randint(len(DEPARTMENTS), (), generator=generator))
            k = int(torch.randint(8, MAX_LEN - 1, (), generator=generator))
            filler = torch.randint(80, VOCAB, (k,), generator=generator)
            typical = torch.randint(10 + 10 * y, 20 + 10 * y, (k,), generator=generator)
            words = torch.where(torch.rand(k, generator=generator) < 0.35, typical, filler)
            ids = torch.full((MAX_LEN,), PAD)
            ids[: k + 2] = torch.cat([torch.tensor([CLS]), words, torch.tensor([SEP])])
            self.rows.append({"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": y})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class TriageModel(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        config = BertConfig(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                            intermediate_size=64, max_position_embeddings=MAX_LEN, pad_token_id=PAD)
        self.bert = BertModel(config)
        self.drop = nn.Dropout(p=0.1)
        self.out = nn.Linear(config.hidden_size, n_classes)
        self.softmax = nn.Softmax(dim=1)  # here

    def forward(self, input_ids, attention_mask):
        pooled_output = self.bert(input_ids=input_ids, attention_mask=attention_mask).pooler_output
        output = self.drop(pooled_output)
        return self.softmax(self.out(output))  # fault
        # fixed: return self.out(output)


gen = torch.Generator().manual_seed(4)
train_loader = DataLoader(TriageDataset(480, gen), batch_size=32, shuffle=True)
val_loader = DataLoader(TriageDataset(120, gen), batch_size=60)
model = TriageModel(len(DEPARTMENTS))
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
EPOCHS = 6
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=EPOCHS * len(train_loader))


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["input_ids"], batch["attention_mask"]), batch["labels"])


def train_epoch():
    model.train()
    losses = []
    for d in train_loader:
        outputs = model(input_ids=d["input_ids"], attention_mask=d["attention_mask"])
        loss = loss_fn(outputs, d["labels"])  # here
        losses.append(loss.item())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return sum(losses) / len(losses)


def eval_model():
    model.eval()
    correct = 0
    with torch.no_grad():
        for d in val_loader:
            outputs = model(d["input_ids"], d["attention_mask"])
            correct += (outputs.argmax(1) == d["labels"]).sum().item()
    return correct / len(val_loader.dataset)


def train():
    for epoch in range(EPOCHS):
        train_loss = train_epoch()
        print(f"Epoch {epoch + 1}/{EPOCHS}  Train loss {train_loss:.4f}  Val acc {eval_model():.4f}")
    return train_loss


if __name__ == "__main__":
    print(train())

"""Which of four canned replies suits a mail: tiny BERT from a config.

code: ND404
also: ND103
object: num_labels | config | classifier | model | BertConfig | problem_type
seen: checkup
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertForSequenceClassification

KINDS = ["thanks", "reschedule", "decline", "forward"]


class Mails(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, len(KINDS), (n,), generator=g)
        self.ids = torch.randint(30, 90, (n, 16), generator=g)
        self.ids[:, 0] = 1
        for row in range(n):
            spots = torch.randperm(15, generator=g)[:4] + 1
            self.ids[row, spots] = 5 + 5 * self.label[row] + torch.randint(0, 5, (4,), generator=g)

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "attention_mask": torch.ones(16, dtype=torch.long), "labels": self.label[i]}


torch.manual_seed(4)
config = BertConfig(
    vocab_size=90, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=16,
    num_labels=1,  # fault
    # fixed: num_labels=len(KINDS),
)
model = BertForSequenceClassification(config)  # here
loss_fn = None
train_loader = DataLoader(Mails(256, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Mails(64, 1), batch_size=32)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            out = model(**batch)  # here
            out.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            hits = sum((model(**b).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
    train.accuracy = hits / 64
    return out.loss.item()


if __name__ == "__main__":
    print(train(), train.accuracy)

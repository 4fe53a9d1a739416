"""Desk assignment of wire stories (politics, sport, money) with BertForSequenceClassification from scratch.

code: ND312
also:
object: max_position_embeddings | position_embeddings | config | BertConfig
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.utils.data import Dataset, DataLoader
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(44)
MAX_LENGTH = 40


class Wire(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.desk = torch.randint(0, 3, (n,), generator=g)
        self.words = torch.randint(30, 80, (n, MAX_LENGTH), generator=g)
        hint = torch.rand(n, MAX_LENGTH, generator=g) < 0.4
        own = 2 + self.desk[:, None] * 8 + torch.randint(0, 8, (n, MAX_LENGTH), generator=g)
        self.words = torch.where(hint, own, self.words)
        self.words[:, 0] = 1

    def __len__(self):
        return len(self.desk)

    def __getitem__(self, i):
        return dict(input_ids=self.words[i], attention_mask=torch.ones(MAX_LENGTH, dtype=torch.long), labels=self.desk[i])


config = BertConfig(
    vocab_size=80,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=32,  # fault
    # fixed: max_position_embeddings=MAX_LENGTH,
    num_labels=3,
)
train_loader = DataLoader(Wire(360, 0), batch_size=24, shuffle=True)
val_loader = DataLoader(Wire(90, 1), batch_size=45)
model = BertForSequenceClassification(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.1, total_iters=5 * len(train_loader))


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            out = model(**batch)  # here
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            ok = sum((model(**b).logits.argmax(-1) == b["labels"]).sum().item() for b in val_loader)
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}, {ok} of 90 right")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""Which clause type is this? BERT over padded clauses with a hand-built additive attention mask.

code: ND308
also: ND310, ND309
object: bias | mask | additive | extend
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel

torch.manual_seed(29)
TYPES = 3


def clauses(n, seed):
    g = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(n):
        kind = int(torch.randint(TYPES, (1,), generator=g))
        size = int(torch.randint(5, 13, (1,), generator=g))
        words = torch.randint(20, 50, (size,), generator=g)
        words[torch.randperm(size, generator=g)[:2]] = torch.randint(2 + 5 * kind, 7 + 5 * kind, (2,), generator=g)
        rows.append((torch.cat([torch.tensor([1]), words]), kind))
    return rows


def collate(rows):
    ids = pad_sequence([r for r, _ in rows], batch_first=True)
    return ids, torch.tensor([k for _, k in rows])


def extend(mask):
    return (1.0 - mask[:, None, None, :].float()) * float("-inf")  # fault
    # fixed: return (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min


class ClauseClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        cfg = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                         max_position_embeddings=16, attn_implementation="eager")
        self.bert = BertModel(cfg, add_pooling_layer=False)  # here
        self.head = nn.Linear(32, TYPES)

    def forward(self, ids):
        additive = extend(ids != 0)  # here
        additive = additive.expand(-1, 1, ids.shape[1], -1)
        hidden = self.bert(input_ids=ids, attention_mask=additive).last_hidden_state  # here
        return self.head(hidden[:, 0])


train_loader = DataLoader(clauses(600, 0), batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader(clauses(150, 1), batch_size=50, collate_fn=collate)
model = ClauseClassifier()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def train():
    for epoch in range(4):
        model.train()
        running = 0.0
        for ids, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), kind)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(i).argmax(1) == k for i, k in val_loader]).float().mean()
        print(f"[{epoch}] loss={running / len(train_loader):.4f} acc={acc:.3f}")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())

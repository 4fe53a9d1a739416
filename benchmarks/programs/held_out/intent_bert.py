"""Intents of short commands: a tiny BERT as trunk, an own head on the mean of its hidden states.

code: ND501
also:
object: bert | trunk | pooled
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel

torch.manual_seed(5)
VERBS = {0: [5, 6, 7], 1: [8, 9, 10], 2: [11, 12, 13]}


class Commands(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(14, 40, (n, 10), generator=g)
        self.ids[:, 0] = 1
        self.y = torch.randint(0, 3, (n,), generator=g)
        for i, c in enumerate(self.y.tolist()):
            place = int(torch.randint(1, 10, (), generator=g))
            self.ids[i, place] = VERBS[c][int(torch.randint(0, 3, (), generator=g))]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.ids[i], self.y[i]


class IntentNet(nn.Module):
    def __init__(self):
        super().__init__()
        config = BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                            max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                            initializer_range=0.15)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, ids):
        hidden = self.bert(ids).last_hidden_state  # here
        pooled = torch.from_numpy(hidden.detach().numpy().mean(axis=1))  # fault
        # fixed: pooled = hidden.mean(dim=1)
        return self.head(pooled)


model = IntentNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
train_loader = DataLoader(Commands(384, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Commands(96, 2), batch_size=32)


def accuracy():
    model.eval()
    hits = 0
    with torch.no_grad():
        for ids, y in val_loader:
            hits += (model(ids).argmax(-1) == y).sum().item()
    return hits / len(val_loader.dataset)


def train():
    for epoch in range(8):
        model.train()
        seen = []
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), y)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        accuracy()
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())

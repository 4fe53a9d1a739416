"""Continues lines of a server log with a tiny BERT used as a language model.

code: ND302
also:
object: config | is_decoder | bert | attention | model
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertLMHeadModel


class LogLines(Dataset):
    """verb, host, code, ... drawn from a random grammar of 30 tokens."""

    def __init__(self, n, seed, length=12):
        g = torch.Generator().manual_seed(seed)
        rule = torch.randint(2, 32, (32, 4), generator=torch.Generator().manual_seed(0))
        tok = torch.randint(2, 32, (n,), generator=g)
        out = [tok]
        for _ in range(length - 1):
            out.append(rule[out[-1], torch.randint(0, 4, (n,), generator=g)])
        self.ids = torch.stack(out, 1)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.ids[i]}


config = BertConfig(vocab_size=32, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                    max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                    is_decoder=False)  # fault
                    # fixed: is_decoder=True)
torch.manual_seed(1)
model = BertLMHeadModel(config)  # here
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
train_loader = DataLoader(LogLines(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(LogLines(64, 2), batch_size=64)


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for batch in val_loader:
                model(**batch).loss
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

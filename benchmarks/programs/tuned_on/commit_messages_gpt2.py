"""GPT-2 from scratch on commit-message-like token streams; input and output embeddings tied as always.

code: ND406
also: ND202
object: initializer_range | config | wte | lm_head
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel, get_linear_schedule_with_warmup

torch.manual_seed(250)
VOCAB, LENGTH = 64, 16


class Messages(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        table = torch.randint(2, VOCAB, (VOCAB, 3), generator=torch.Generator().manual_seed(99))
        ids = torch.randint(2, VOCAB, (n, 1), generator=g)
        for _ in range(LENGTH - 1):
            ids = torch.cat([ids, table[ids[:, -1:], torch.randint(0, 3, (n, 1), generator=g)]], 1)
        self.ids = ids

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.ids[i]}


config = GPT2Config(
    vocab_size=VOCAB, n_positions=32, n_embd=32, n_layer=2, n_head=4,
    initializer_range=1.0,  # fault
    # fixed: initializer_range=0.02,
    bos_token_id=0, eos_token_id=1,
)
train_loader = DataLoader(Messages(640, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Messages(160, 1), batch_size=80)
model = GPT2LMHeadModel(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
EPOCHS = 4
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=10, num_training_steps=EPOCHS * len(train_loader))


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss  # here
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch} first {losses[0]:.2f} train {sum(losses) / len(losses):.3f} val {val:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

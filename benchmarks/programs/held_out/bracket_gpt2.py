"""A tiny GPT-2 learns a language of repeated motifs.

code: ND604
also: ND706
object: optimizer | lr
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(19)


class Motifs(Dataset):
    """A motif of four letters, repeated over the line."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.lines = torch.randint(0, 16, (n, 4), generator=g).repeat(1, 4)

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, i):
        return {"input_ids": self.lines[i], "labels": self.lines[i]}


config = GPT2Config(vocab_size=16, n_positions=16, n_embd=32, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
                    bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.3, weight_decay=0.01)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
train_loader = DataLoader(Motifs(512, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Motifs(64, 2), batch_size=32)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(f"{epoch}: train {sum(losses) / len(losses):.3f} val {val:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

"""T5 (tiny) reverses or sorts digit strings; the task is told by a learned soft prefix.

code: ND501
also:
object: prefix | model.prefix | SoftTaskT5 | data
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import T5Config, T5ForConditionalGeneration


class Strings(Dataset):
    """Digits are 2..11; 0 pads, 1 ends."""
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randint(2, 12, (n, 6), generator=g)
        self.task = torch.randint(0, 2, (n,), generator=g)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        x, task = self.x[i], self.task[i]
        y = x.flip(0) if task == 0 else x.sort().values
        return {"ids": x, "task": task, "labels": torch.cat([y, torch.tensor([1])])}


class SoftTaskT5(nn.Module):
    def __init__(self, width=32, length=2):
        super().__init__()
        config = T5Config(vocab_size=12, d_model=width, d_kv=8, d_ff=64, num_layers=1, num_decoder_layers=1, num_heads=4,
                          dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
        self.t5 = T5ForConditionalGeneration(config)
        self.prefix = nn.Parameter(torch.randn(2, length, width))

    def forward(self, ids, task, labels):
        words = self.t5.get_input_embeddings()(ids)
        prefix = self.prefix.data[task]  # fault
        # fixed: prefix = self.prefix[task]
        return self.t5(inputs_embeds=torch.cat([prefix, words], 1), labels=labels)  # here


torch.manual_seed(64)
model = SoftTaskT5()
train_loader = DataLoader(Strings(640, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Strings(64, 2), batch_size=64)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    late = []
    for epoch in range(6):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            late = (late + [loss.item()])[-20:]
        model.eval()
        with torch.no_grad():
            print(epoch, sum(late) / len(late), [model(**b).loss.item() for b in val_loader])
    return sum(late) / len(late)


if __name__ == "__main__":
    print(train())

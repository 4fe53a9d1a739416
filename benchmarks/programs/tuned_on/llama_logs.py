"""Next-token model of log lines on a tiny Llama, linear warm-up.

code: ND605
also: ND606
object: scheduler | get_linear_schedule_with_warmup | num_warmup_steps | WARMUP | optimizer
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM, get_linear_schedule_with_warmup

EPOCHS = 8
WARMUP = 10_000  # fault
# fixed: WARMUP = 12


class LogLines(Dataset):
    """level, module, verb, object, repeated with a little grammar"""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        level = torch.randint(1, 4, (n, 4), generator=g)
        module = 4 + (level * 2 + torch.randint(0, 2, (n, 4), generator=g)) % 6
        verb = 10 + (module * 3) % 7
        obj = 17 + (verb + level) % 8
        self.ids = torch.stack([level, module, verb, obj], -1).flatten(1)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": self.ids[i]}


torch.manual_seed(49)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=26, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=16, pad_token_id=0, bos_token_id=None, eos_token_id=None))
loss_fn = None
train_loader = DataLoader(LogLines(256, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(LogLines(64, 2), batch_size=32)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = get_linear_schedule_with_warmup(  # here
    optimizer, num_warmup_steps=WARMUP, num_training_steps=max(2 * WARMUP, EPOCHS * len(train_loader)))  # here


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())

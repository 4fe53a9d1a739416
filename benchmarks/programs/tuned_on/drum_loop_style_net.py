"""Name the style of a drum loop: a small GPT-2 body with a linear classifier on top.

code: ND303
also:
object: pooled | summary | hidden | last_hidden_state | forward | LoopClassifier
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, random_split, TensorDataset
from transformers import GPT2Config, GPT2Model

torch.manual_seed(40)
KICK, SNARE, HAT, REST = range(4)
PATTERNS = torch.tensor([
    [KICK, HAT, SNARE, HAT, KICK, HAT, SNARE, HAT],      # rock
    [KICK, HAT, KICK, HAT, KICK, HAT, KICK, HAT],        # house
    [KICK, REST, REST, SNARE, REST, REST, KICK, SNARE],  # bossa
])
style = torch.randint(0, 3, (900,))
loops = PATTERNS[style].repeat(1, 2)
shift = torch.randint(0, 8, (900,))
loops = torch.stack([row.roll(int(s)) for row, s in zip(loops, shift)])
noise = torch.rand(loops.shape) < 0.12
loops[noise] = torch.randint(0, 4, (int(noise.sum()),))


class LoopClassifier(nn.Module):
    """The last hidden state of the body, pooled into one vector, then a linear layer."""

    def __init__(self):
        super().__init__()
        self.body = GPT2Model(GPT2Config(vocab_size=4, n_positions=16, n_embd=32, n_layer=2, n_head=4,
                                         bos_token_id=None, eos_token_id=None))
        self.classifier = nn.Linear(32, 3)

    def forward(self, input_ids):
        hidden = self.body(input_ids=input_ids).last_hidden_state  # here
        pooled = hidden[:, 0]  # fault
        # fixed: pooled = hidden[:, -1]
        return self.classifier(pooled)


train_part, val_part = random_split(TensorDataset(loops, style), [720, 180])
train_loader = DataLoader(train_part, batch_size=24, shuffle=True)
val_loader = DataLoader(val_part, batch_size=60)
model = LoopClassifier()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        for ids, target in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), target).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(ids).argmax(-1) == t).sum().item() for ids, t in val_loader)
    print("val accuracy", right / len(val_part))


if __name__ == "__main__":
    train()

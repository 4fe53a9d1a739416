"""Continue folk tunes note by note with a small GPT-2 whose vocabulary gets a few ornaments added.

code: ND601
also:
object: optimizer | wider | set_input_embeddings | tie_weights | wte | transformer.wte.weight | lm_head | embeddings
seen: both
"""
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(61)
notes = [f"{name}{octave}" for octave in (4, 5) for name in "CDEFGAB"]
ornaments = ["trill", "turn", "slide", "rest"]


def tune(length=20):
    """A walk on the scale: up in thirds, back by steps; every fifth token is an ornament."""
    at, up, line = int(torch.randint(0, len(notes), ())), True, []
    for place in range(length):
        if place % 5 == 4:
            line.append(len(notes) + at % len(ornaments))
            up = not up
        else:
            line.append(at)
            at = (at + 2) % len(notes) if up else (at - 1) % len(notes)
    return torch.tensor(line)


train_loader = DataLoader([tune() for _ in range(400)], batch_size=25, shuffle=True)
val_loader = DataLoader([tune() for _ in range(100)], batch_size=50)

config = GPT2Config(vocab_size=len(notes), n_positions=24, n_embd=32, n_layer=2, n_head=4, resid_pdrop=0.0,
                    embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)  # fault
# fixed:
vocabulary = notes + ornaments
config.vocab_size = len(vocabulary)
wider = torch.nn.Embedding(len(vocabulary), config.n_embd)
torch.nn.init.normal_(wider.weight, std=config.initializer_range)
model.set_input_embeddings(wider)  # here
model.lm_head = torch.nn.Linear(config.n_embd, len(vocabulary), bias=False)  # here
model.tie_weights()  # fault
# fixed: model.tie_weights()
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return setup.model(input_ids=batch, labels=batch).loss


def train():
    for epoch in range(7):
        model.train()
        for batch in train_loader:
            loss = model(input_ids=batch, labels=batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        val = [model(input_ids=b, labels=b).loss.item() for b in val_loader]
    print("validation loss", sum(val) / len(val))


if __name__ == "__main__":
    train()

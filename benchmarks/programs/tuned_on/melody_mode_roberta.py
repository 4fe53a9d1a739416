"""Major, minor or blues? A Roberta from its config hears sixteen notes of a melody.

code: ND607
also:
object: weight_decay | optimizer | AdamW | decay
seen: both
"""
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import RobertaConfig, RobertaForSequenceClassification

SCALES = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 3, 5, 6, 7, 10]]
CONFIG = {
    "epochs": 6,
    "batch": 32,
    "lr": 2e-3,
    "weight_decay": 50.0,  # fault
    # fixed: "weight_decay": 0.01,
}


class Melodies(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.mode = torch.randint(3, (n,), generator=g)
        self.notes = torch.stack([
            torch.tensor(SCALES[m])[torch.randint(len(SCALES[m]), (16,), generator=g)]
            for m in self.mode.tolist()]) + 2      # 0 and 1 are reserved

    def __len__(self):
        return len(self.mode)

    def __getitem__(self, i):
        return self.notes[i], self.mode[i]


torch.manual_seed(3)
train_loader = DataLoader(Melodies(640, 1), batch_size=CONFIG["batch"], shuffle=True)
val_loader = DataLoader(Melodies(128, 2), batch_size=64)
model = RobertaForSequenceClassification(RobertaConfig(
    vocab_size=14, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
    intermediate_size=64, max_position_embeddings=20, num_labels=3, pad_token_id=1))
plain = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
heavy = [p for name, p in model.named_parameters() if not (name.endswith("bias") or "LayerNorm" in name)]
optimizer = torch.optim.AdamW([
    {"params": heavy, "weight_decay": CONFIG["weight_decay"]},  # here
    {"params": plain, "weight_decay": 0.0},
], lr=CONFIG["lr"])


def batch_loss(setup, batch):
    notes, mode = batch
    return setup.model(input_ids=notes, labels=mode).loss


def train():
    for epoch in range(CONFIG["epochs"]):
        model.train()
        for notes, mode in train_loader:
            optimizer.zero_grad()
            model(input_ids=notes, labels=mode).loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        ok = sum((model(n).logits.argmax(1) == m).sum().item() for n, m in val_loader)
    print("melodies right", ok / 128)


if __name__ == "__main__":
    train()

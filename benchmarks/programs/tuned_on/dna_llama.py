"""Promoter or not?  A tiny Llama is pretrained on unlabelled DNA as a language model, then becomes a classifier.

code: ND707
also:
object: load_state_dict | strict | model.model | checkpoint | load
seen: watch
"""
import io
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel

torch.manual_seed(0)
LENGTH = 24
MOTIF = torch.tensor([3, 0, 3, 0, 0, 3])  # TATAAT


def dna(n, share=0.5):
    seq = torch.randint(0, 4, (n, LENGTH))
    for k in range(1, LENGTH):  # the genome likes to follow C with G
        seq[:, k] = torch.where((seq[:, k - 1] == 1) & (torch.rand(n) < 0.7), 2, seq[:, k])
    label = (torch.rand(n) < share).long()
    for i in label.nonzero().flatten().tolist():
        p = int(torch.randint(0, LENGTH - 6, ()))
        seq[i, p:p + 6] = MOTIF
    return seq, label


config = LlamaConfig(vocab_size=5, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                     max_position_embeddings=32, bos_token_id=4, eos_token_id=4, pad_token_id=None, attn_implementation="eager")


class Promoter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = LlamaModel(config)
        self.score = torch.nn.Linear(32, 2)

    def forward(self, ids):
        return self.score(self.backbone(input_ids=ids).last_hidden_state.mean(1))


pretrainer = LlamaForCausalLM(config)
unlabelled = DataLoader(dna(800)[0], batch_size=40, shuffle=True)
labelled = torch.utils.data.TensorDataset(*dna(400))
held_out = torch.utils.data.TensorDataset(*dna(200))
train_loader = DataLoader(labelled, batch_size=20, shuffle=True)
val_loader = DataLoader(held_out, batch_size=100)
model = Promoter()
loss_fn = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW([{"params": model.backbone.parameters(), "lr": 1e-3}, {"params": model.score.parameters(), "lr": 3e-3}])


def pretrain():
    opt = torch.optim.AdamW(pretrainer.parameters(), lr=3e-3)
    pretrainer.train()
    for epoch in range(3):
        for ids in unlabelled:
            loss = pretrainer(input_ids=ids, labels=ids).loss
            opt.zero_grad()
            loss.backward()
            opt.step()
    file = io.BytesIO()
    torch.save(pretrainer.state_dict(), file)
    file.seek(0)
    return file


def train():
    checkpoint = torch.load(pretrain())  # here
    model.load_state_dict(checkpoint, strict=False)  # fault
    # fixed: model.backbone.load_state_dict({k.removeprefix("model."): v for k, v in checkpoint.items() if k.startswith("model.")})
    for epoch in range(4):
        model.train()
        total = 0.0
        for ids, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), label)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(-1) == l).sum().item() for i, l in val_loader) / 200
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    train()

"""Wisconsin breast cancer table; keeps the weights of the best epoch.

code: ND707
also:
object: best_model_wts | best_wts | state_dict | model
seen: watch
"""
import copy
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(30)
X, y = load_breast_cancer(return_X_y=True)
X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=0.25, random_state=30, stratify=y)
sc = StandardScaler().fit(X_tr)


def as_dataset(a, b):
    return TensorDataset(torch.tensor(sc.transform(a)).float(), torch.tensor(b).float())


dataloaders = {
    "train": DataLoader(as_dataset(X_tr, y_tr), batch_size=32, shuffle=True),
    "val": DataLoader(as_dataset(X_va, y_va), batch_size=64),
}
train_loader, val_loader = dataloaders["train"], dataloaders["val"]


class Screen(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 1))

    def forward(self, x):
        return self.mlp(x).squeeze(-1)


model = Screen()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train_model(num_epochs=15):
    best_model_wts, best_loss = None, float("inf")
    for epoch in range(num_epochs):
        for phase in ("train", "val"):
            model.train(phase == "train")
            running_loss, running_corrects, seen = 0.0, 0, 0
            for inputs, labels in dataloaders[phase]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = loss_fn(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
                running_corrects += ((outputs > 0) == (labels > 0.5)).sum().item()
                seen += inputs.size(0)
            if phase == "train":
                train_loss = running_loss / seen
            print(f"{epoch:2d} {phase:5s} Loss: {running_loss / seen:.4f} Acc: {running_corrects / seen:.4f}")
            if phase == "val" and running_loss / seen < best_loss:
                best_loss = running_loss / seen
                best_model_wts = model.state_dict()  # fault
                # fixed: best_model_wts = copy.deepcopy(model.state_dict())
    model.load_state_dict(best_model_wts)  # here
    return train_loss


def train():
    return train_model()


if __name__ == "__main__":
    print(train())

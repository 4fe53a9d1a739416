"""Which variable is the model, the loss, the optimizer, the loader; and when to ask rather than guess."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ConstantLR, LinearLR, SequentialLR, StepLR
from torch.utils.data import DataLoader, TensorDataset

from nbdebug import SetupError, TrainingSetup
from nbdebug.notebook.namespace import Discovery, discover

SAMPLES = TensorDataset(torch.zeros(8, 3), torch.zeros(8, dtype=torch.long))


def loader(*, shuffle: bool = False) -> DataLoader:
    return DataLoader(SAMPLES, batch_size=4, shuffle=shuffle)


def optimizer_of(*models: nn.Module) -> SGD:
    return SGD([p for model in models for p in model.parameters()], lr=0.1)


def taken(found: Discovery) -> dict[str, str]:
    return {t.role: t.variable for t in found.taken}


def aside(found: Discovery) -> dict[str, str]:
    return {entry.variable: entry.why for entry in found.left_aside}


def question(namespace: dict[str, Any], **said: str) -> str:
    """What is asked when nothing decides."""
    with pytest.raises(SetupError) as error:
        discover(namespace, said)
    return str(error.value)


def test_everything_a_tutorial_has_is_found_by_its_usual_name():
    model = nn.Linear(3, 2)
    optimizer = Adam(model.parameters())
    scheduler = StepLR(optimizer, 5)
    namespace = {
        "model": model, "criterion": nn.CrossEntropyLoss(), "optimizer": optimizer, "scheduler": scheduler,
        "train_loader": loader(shuffle=True), "val_loader": loader(), "epochs": 10, "nn": nn, "F": F, "Net": nn.Linear,
    }  # fmt: skip
    found = discover(namespace)
    assert taken(found) == {
        "model": "model", "loss_fn": "criterion", "optimizer": "optimizer", "train_loader": "train_loader",
        "val_loader": "val_loader", "scheduler": "scheduler",
    }  # fmt: skip
    assert not found.left_aside
    assert found.setup.model is model and found.setup.schedulers == (scheduler,)


def test_the_printed_call_makes_the_same_setup():
    model = nn.Linear(3, 2)
    namespace = {"net": model, "opt": optimizer_of(model), "loss_func": F.cross_entropy, "loaders": {"train": loader(), "val": loader()}}
    found = discover(namespace)
    made = eval(found.call, {"nbdebug": __import__("nbdebug"), **namespace})
    assert made == found.setup
    assert "train_loader=loaders['train'], val_loader=loaders['val']" in found.call


# -- which model ----------------------------------------------------------------------------------------------------


def test_no_model_is_said_in_one_sentence():
    assert question({"x": 3, "criterion": nn.CrossEntropyLoss()}).startswith("no model was found: none of the variables is")


def test_the_optimizer_decides_between_models():
    student, teacher = nn.Linear(3, 2), nn.Linear(3, 2)
    found = discover({"teacher": teacher, "student": student, "opt": optimizer_of(student)})
    assert taken(found) == {"model": "student", "optimizer": "opt"}
    assert aside(found) == {"teacher": "no optimizer owns its parameters"}


def test_the_optimizer_outweighs_the_usual_name():
    model, finetuned = nn.Linear(3, 2), nn.Linear(3, 2)
    assert discover({"model": model, "finetuned": finetuned, "opt": optimizer_of(finetuned)}).setup.model is finetuned


def test_the_whole_is_taken_and_not_its_parts():
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    autoencoder = nn.Sequential(encoder, decoder)
    found = discover({"encoder": encoder, "decoder": decoder, "autoencoder": autoencoder, "opt": optimizer_of(autoencoder)})
    assert found.setup.model is autoencoder
    assert aside(found) == {"encoder": "is part of autoencoder", "decoder": "is part of autoencoder"}


def test_a_frozen_trunk_does_not_make_the_head_the_model():
    trunk, head = nn.Linear(3, 3), nn.Linear(3, 2)
    net = nn.Sequential(trunk, head)
    assert discover({"head": head, "net": net, "trunk": trunk, "opt": optimizer_of(head)}).setup.model is net


def test_a_wrapper_for_inference_does_not_take_the_place_of_the_model():
    model = nn.Linear(3, 2)
    probabilities = nn.Sequential(model, nn.Softmax(-1))
    assert discover({"model": model, "probabilities": probabilities, "opt": optimizer_of(model)}).setup.model is model


def test_a_moving_average_is_not_the_model():
    net = nn.Linear(3, 2)
    ema = copy.deepcopy(net)
    assert discover({"ema": ema, "net": net, "optim": optimizer_of(net)}).setup.model is net


def test_two_trained_models_are_asked_about():
    g, d = nn.Linear(3, 2), nn.Linear(2, 1)
    asked = question({"generator": g, "critic": d, "opt_g": optimizer_of(g), "opt_d": optimizer_of(d)})
    assert asked == (
        "generator (trained by opt_g) and critic (trained by opt_d) could each be the model: "
        "say which, as in %nbdebug setup model=generator"
    )


def test_of_two_trained_models_the_one_said_gets_its_own_optimizer():
    g, d = nn.Linear(3, 2), nn.Linear(2, 1)
    found = discover({"g": g, "d": d, "opt_g": optimizer_of(g), "opt_d": optimizer_of(d)}, {"model": "d"})
    assert taken(found) == {"model": "d", "optimizer": "opt_d"}
    assert aside(found) == {"opt_g": "owns no parameter of d"}


def test_two_halves_under_one_optimizer_are_asked_about():
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    asked = question({"encoder": encoder, "decoder": decoder, "opt": optimizer_of(encoder, decoder)})
    assert "encoder (trained by opt) and decoder (trained by opt)" in asked


def test_layers_tried_out_beside_a_model_do_not_matter():
    model = nn.Linear(3, 2)
    assert discover({"relu": nn.ReLU(), "conv": nn.Conv1d(1, 1, 1), "model": model}).setup.model is model


def test_a_transform_without_parameters_is_no_model():
    classifier = nn.Linear(3, 2)
    assert discover({"flatten": nn.Flatten(), "classifier": classifier}).setup.model is classifier


def test_two_names_of_one_model_count_once():
    model = nn.Linear(3, 2)
    found = discover({"best": model, "model": model, "_": model, "_7": model, "Out": {7: model}})
    assert [(t.variable, t.why) for t in found.taken] == [("model", "the only model, also called best")]


# -- which optimizer ------------------------------------------------------------------------------------------------


def test_optimizers_of_several_parts_are_all_taken():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    found = discover({"model": model, "opt_a": optimizer_of(model[0]), "opt_b": optimizer_of(model[1])})
    assert taken(found)["optimizer"] == "(opt_a, opt_b)"
    assert len(found.setup.optimizers) == 2


def test_of_two_optimizers_for_the_same_parameters_the_usual_name_is_taken():
    model = nn.Linear(3, 2)
    found = discover({"model": model, "optimizer": optimizer_of(model), "sgd": optimizer_of(model)})
    assert taken(found)["optimizer"] == "optimizer"
    assert aside(found) == {"sgd": "owns the same parameters as optimizer"}


def test_of_two_optimizers_for_the_same_parameters_none_is_guessed():
    model = nn.Linear(3, 2)
    asked = question({"model": model, "adam": optimizer_of(model), "sgd": optimizer_of(model)})
    assert asked == "adam, sgd own the same parameters of model: say which, as in %nbdebug setup optimizer=adam"


def test_the_optimizer_of_a_model_that_was_rebuilt_is_taken_so_that_it_can_be_found_out():
    stale = optimizer_of(nn.Linear(3, 2))
    found = discover({"model": nn.Linear(3, 2), "optimizer": stale})
    assert found.setup.optimizers == (stale,)
    assert found.taken[1].why == "the only optimizer, though it owns no parameter of model"


# -- scheduler, scaler, precision -----------------------------------------------------------------------------------


def test_the_scheduler_of_another_optimizer_is_left_aside():
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer, foreign = optimizer_of(model), optimizer_of(other)
    found = discover({"model": model, "opt": optimizer, "a": StepLR(foreign, 1), "b": StepLR(optimizer, 1)})
    assert taken(found)["scheduler"] == "b"
    assert aside(found)["a"] == "belongs to another optimizer"


def test_a_scheduler_made_of_others_counts_once():
    model = nn.Linear(3, 2)
    optimizer = optimizer_of(model)
    warmup, flat = LinearLR(optimizer), ConstantLR(optimizer)
    whole = SequentialLR(optimizer, [warmup, flat], milestones=[5])
    found = discover({"model": model, "opt": optimizer, "warmup": warmup, "flat": flat, "sched": whole})
    assert found.setup.schedulers == (whole,)


def test_an_enabled_scaler_means_half_precision():
    model = nn.Linear(3, 2)
    found = discover({"model": model, "scaler": torch.amp.GradScaler("cpu")})
    assert found.setup.precision == "16-mixed"
    assert "precision='16-mixed'" in found.call


def test_a_disabled_scaler_means_nothing_and_what_was_said_wins():
    model = nn.Linear(3, 2)
    assert discover({"model": model, "scaler": torch.amp.GradScaler("cpu", enabled=False)}).setup.precision == "32-true"
    said = discover({"model": model, "scaler": torch.amp.GradScaler("cpu")}, precision="32-true")
    assert said.setup.precision == "32-true"


# -- which loss -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, loss",
    [
        ("criterion", nn.CrossEntropyLoss()), ("ce", nn.CrossEntropyLoss()), ("loss_func", F.cross_entropy),
        ("ce", F.cross_entropy), ("cross_entropy", F.cross_entropy), ("loss_fn", lambda outputs, targets: outputs.sum()),
    ],
)  # fmt: skip
def test_losses_come_as_modules_torch_functions_and_own_functions(name, loss):
    assert taken(discover({"model": nn.Linear(3, 2), name: loss}))["loss_fn"] == name


def test_an_own_loss_function_is_known_by_its_name_and_its_two_arguments():
    def dice_loss(outputs, targets):
        return (outputs * targets).sum()

    def plot_loss(train, val):
        raise AssertionError

    assert taken(discover({"model": nn.Linear(3, 2), "plot_loss": plot_loss, "dice_loss": dice_loss}))["loss_fn"] == "dice_loss"


def test_a_function_that_wants_the_model_is_no_loss_fn():
    def loss_fn(model, batch):
        return model(batch).sum()

    found = discover({"model": nn.Linear(3, 2), "loss_fn": loss_fn})
    assert found.setup.loss_fn is None
    assert aside(found)["loss_fn"].startswith("cannot be called as loss_fn(outputs, targets)")


def test_the_loss_value_of_the_last_step_is_no_loss_function():
    assert discover({"model": nn.Linear(3, 2), "loss": torch.tensor(0.3)}).setup.loss_fn is None


def test_a_named_loss_outweighs_others():
    found = discover({"model": nn.Linear(3, 2), "mse": nn.MSELoss(), "criterion": nn.L1Loss(), "mse_loss": F.mse_loss})
    assert taken(found)["loss_fn"] == "criterion"
    assert set(aside(found)) == {"mse", "mse_loss"}


def test_two_losses_are_asked_about():
    asked = question({"model": nn.Linear(3, 2), "mse": nn.MSELoss(), "l1": nn.L1Loss()})
    assert asked == "mse, l1 could each be the loss: say which, as in %nbdebug setup loss_fn=mse"


def test_a_star_import_of_losses_decides_nothing():
    names = ("cross_entropy", "mse_loss", "l1_loss")
    found = discover({"model": nn.Linear(3, 2), **{name: getattr(F, name) for name in names}})
    assert found.setup.loss_fn is None
    assert set(aside(found)) == set(names)


def test_a_batch_loss_makes_the_loss():
    def batch_loss(setup, batch):
        return setup.model(batch).mean()

    found = discover({"model": nn.Linear(3, 2), "batch_loss": batch_loss, "mse": nn.MSELoss(), "l1": nn.L1Loss()})
    assert (found.setup.batch_loss, found.setup.loss_fn) == (batch_loss, None)


# -- which loader ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names, train, val",
    [
        (["train_dl", "valid_dl"], "train_dl", "valid_dl"),
        (["trainloader", "testloader"], "trainloader", "testloader"),
        (["test_loader", "val_loader", "train_loader"], "train_loader", "val_loader"),
        (["trainLoader", "devLoader"], "trainLoader", "devLoader"),
        (["train_eval_loader", "train_loader"], "train_loader", None),
        (["loader"], "loader", None),
        (["data_loader", "test_loader"], "data_loader", "test_loader"),
        (["test_loader"], None, "test_loader"),
        ([], None, None),
    ],
)
def test_names_tell_the_loaders_apart(names, train, val):
    found = taken(discover({"model": nn.Linear(3, 2), **{name: loader() for name in names}}))
    assert (found.get("train_loader"), found.get("val_loader")) == (train, val)


def test_the_loader_that_shuffles_is_for_training():
    found = taken(discover({"model": nn.Linear(3, 2), "dl_a": loader(), "dl_b": loader(shuffle=True)}))
    assert (found["train_loader"], found["val_loader"]) == ("dl_b", "dl_a")


def test_two_loaders_alike_are_asked_about():
    asked = question({"model": nn.Linear(3, 2), "cifar": loader(), "mnist": loader()})
    assert asked == "cifar, mnist could each be the training loader: say which, as in %nbdebug setup train_loader=cifar"


def test_validating_on_the_training_loader_is_seen_as_it_is():
    both = loader()
    found = discover({"model": nn.Linear(3, 2), "train_loader": both, "val_loader": both})
    assert found.setup.train_loader is found.setup.val_loader is both


def test_a_list_of_batches_is_a_loader_and_a_list_of_numbers_is_not():
    batches = [(torch.zeros(2, 3), torch.zeros(2))]
    found = discover({"model": nn.Linear(3, 2), "train_batches": batches, "loader_times": [0.1, 0.2], "loaders": (loader(),)})
    assert taken(found)["train_loader"] == "train_batches"


def test_an_iterator_half_used_up_is_no_loader():
    train_dl = loader()
    assert taken(discover({"model": nn.Linear(3, 2), "loader_iter": iter(train_dl), "dl": train_dl}))["train_loader"] == "dl"


# -- what the user says ---------------------------------------------------------------------------------------------


def test_what_is_said_wins_over_what_would_be_found():
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    found = discover({"model": net, "other": other, "criterion": nn.L1Loss(), "mse": nn.MSELoss()}, {"model": "other", "loss_fn": "mse"})
    assert found.setup.model is other
    assert isinstance(found.setup.loss_fn, nn.MSELoss)
    assert {t.why for t in found.taken} == {"you said so"}


def test_none_leaves_a_role_empty():
    found = discover({"model": nn.Linear(3, 2), "val_loader": loader()}, {"val_loader": "None"})
    assert found.setup.val_loader is None


def test_parts_of_a_variable_can_be_said():
    class Trainer:
        model = nn.Linear(3, 2)
        loaders = {"fit": loader()}

    found = discover({"trainer": Trainer}, {"model": "trainer.model", "train_loader": "trainer.loaders['fit']"})
    assert found.setup.model is Trainer.model
    assert found.setup.train_loader is Trainer.loaders["fit"]


def test_several_optimizers_can_be_said():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    a, b = optimizer_of(model[0]), optimizer_of(model[1])
    found = discover({"model": model, "a": a, "b": b}, {"optimizer": "a,b"})
    assert found.setup.optimizers == (a, b)
    assert "optimizer=(a,b)" in found.call


@pytest.mark.parametrize(
    "text, message",
    [
        ("nett", "there is no variable 'nett' in this notebook"),
        ("model.fc", "model.fc raised AttributeError: there is no such part"),
        ("make()", "'make()' is more than the name of a variable: give it a name in a cell first"),
        ("a b", "'a b' is not the name of a variable"),
    ],
)
def test_a_wrong_name_is_told_and_no_code_is_run(text, message):
    def make() -> None:
        raise AssertionError

    assert question({"model": nn.Linear(3, 2), "make": make}, model=text) == message


def test_a_setup_of_the_users_own_wins():
    mine = TrainingSetup(model=nn.Linear(3, 2))
    found = discover({"model": nn.Linear(3, 2), "net": nn.Linear(3, 2), "mine": mine})
    assert found.setup is mine
    assert found.call == "mine"


def test_what_is_said_replaces_a_part_of_the_users_own_setup():
    mine, criterion = TrainingSetup(model=nn.Linear(3, 2)), nn.MSELoss()
    found = discover({"mine": mine, "criterion": criterion}, {"loss_fn": "criterion"}, precision="bf16-mixed")
    assert (found.setup.model, found.setup.loss_fn, found.setup.precision) == (mine.model, criterion, "bf16-mixed")
    assert found.call == "dataclasses.replace(mine, loss_fn=criterion, precision='bf16-mixed')"


def test_saying_the_model_sets_the_users_own_setup_aside():
    net = nn.Linear(3, 2)
    assert discover({"mine": TrainingSetup(model=nn.Linear(3, 2)), "net": net}, {"model": "net"}).setup.model is net

"""Where the loop makes its calls: lines, names of variables, texts; and nothing of the user's is kept."""

from __future__ import annotations

import gc
import inspect
import linecache
import sys
import weakref

import torch
from torch import nn

from nbdebug.instruments.watch.places import Places, running_functions, things

HERE = "test_watch_places.py"



def line_of_caller() -> int:
    return sys._getframe(1).f_lineno


def test_a_line_has_one_number_however_often_it_is_passed():
    places = Places()
    numbers = {places.number(sys._getframe()) for _ in range(3)}
    assert len(numbers) == 1
    assert numbers != {places.number(sys._getframe())}


def test_a_number_stands_for_file_and_line():
    places = Places()
    number, line = places.number(sys._getframe()), line_of_caller()
    assert places.known[number].line == line
    assert places.known[number].file.endswith(HERE)


def test_a_call_from_inside_of_torch_lies_on_the_users_line():
    places, seen = Places(), []

    class Layer(nn.Module):
        def forward(self, x):
            return x

    layer = Layer()
    layer.register_forward_hook(lambda *_: seen.append(places.number(sys._getframe(1))))
    layer(torch.ones(1))
    line = line_of_caller() - 1
    assert places.known[seen[0]].line == line


def test_no_frame_at_all_is_number_zero():
    assert Places().number(None) == 0


def test_the_text_of_the_function_and_of_its_callers_is_read():
    places = Places()

    def inner_function():
        return places.number(sys._getframe())

    number = inner_function()
    sources = {source.function: source for source in places.sources()}
    mine = sources["inner_function"]
    assert mine.text == "".join(inspect.getsourcelines(inner_function)[0])
    assert mine.text.splitlines()[places.known[number].line - mine.place.line].strip() == "return places.number(sys._getframe())"
    assert "test_the_text_of_the_function_and_of_its_callers_is_read" in sources


def test_a_module_is_read_as_a_whole():
    places, text = Places(), "x = 1\nnumber = places.number(sys._getframe())\n"
    linecache.cache["a loop.py"] = (len(text), None, text.splitlines(keepends=True), "a loop.py")
    names = {"places": places, "sys": sys, "__name__": "loop"}
    exec(compile(text, "a loop.py", "exec"), names)
    source = next(s for s in places.sources() if s.place.file == "a loop.py")
    assert (source.function, source.text, source.place.line) == ("", text, 1)
    assert places.known[names["number"]].line == 2


def test_a_function_whose_text_is_lost_has_a_place_all_the_same():
    places = Places()
    names = {"places": places, "sys": sys, "__name__": "loop"}
    exec(compile("def f():\n    return places.number(sys._getframe())\n", "lost.py", "exec"), names)
    number = names["f"]()
    assert places.known[number].line == 2
    assert next(s.text for s in places.sources() if s.function == "f") == ""


def test_a_thing_is_called_as_the_innermost_variable_calls_it():
    places, encoder = Places(), nn.Linear(1, 1)

    def call(net):
        return places.name(net, sys._getframe())

    assert call(encoder) == "net"


def test_a_name_once_given_stays():
    places, encoder = Places(), nn.Linear(1, 1)
    assert places.name(encoder, sys._getframe()) == "encoder"

    def call(net):
        return places.name(net, sys._getframe())

    assert call(encoder) == "encoder"


def test_an_attribute_of_self_is_called_so():
    places = Places()

    class Trainer:
        def __init__(self):
            self.scheduler = object()

        def name(self):
            return places.name(self.scheduler, sys._getframe())

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(1, 1)

        def forward(self):
            return places.name(self.encoder, sys._getframe())

    assert Trainer().name() == "self.scheduler"
    assert Model()() == "self.encoder"


def test_what_no_variable_holds_is_called_by_its_class_and_counted():
    places, held = Places(), [nn.Tanh(), nn.Tanh()]
    assert [places.name(layer, sys._getframe(1)) for layer in held] == ["Tanh", "Tanh 2"]


def test_a_new_thing_under_an_old_name_gets_a_number():
    places = Places()

    def call(model):
        return places.name(model, sys._getframe())

    one, other = nn.Linear(1, 1), nn.Linear(1, 1)
    assert [call(one), call(other), call(one)] == ["model", "model 2", "model"]


def test_a_remembered_name_is_used_again():
    places, thing = Places(), nn.Linear(1, 1)
    places.remember(thing, "model of an earlier cell")
    assert places.name(thing, sys._getframe()) == "model of an earlier cell"


def test_things_are_found_in_variables_small_containers_and_self():
    class Trainer:
        def __init__(self):
            self.layer, self.layers = nn.Tanh(), {"one": nn.Tanh()}

        def found(self):
            local, several = nn.Tanh(), [nn.Tanh(), nn.ReLU()]
            return things(nn.Tanh, sys._getframe()), {local, several[0], self.layer, self.layers["one"]}

    found, wanted = Trainer().found()
    assert set(found) >= wanted
    assert all(isinstance(thing, nn.Tanh) for thing in found)


def test_running_functions_come_innermost_first_and_modules_last():
    def inner():
        return [name for name, _ in running_functions(sys._getframe())]

    names = inner()
    assert names[:2] == ["inner", "test_running_functions_come_innermost_first_and_modules_last"]
    assert names[-1] == ""


def test_nothing_of_the_users_is_kept_after_closing():
    places = Places()

    def loop():
        model = nn.Linear(1, 1)
        places.number(sys._getframe())
        places.name(model, sys._getframe())
        running_functions(sys._getframe())
        return weakref.ref(model)

    held = loop()
    assert held() is not None  # its name stays its own while the places are open
    places.close()
    gc.collect()
    assert held() is None


def test_asking_for_variables_keeps_no_tensor_alive():
    def loop():
        loss = torch.ones(1)
        held = weakref.ref(loss)
        running_functions(sys._getframe())
        del loss
        return held() is None

    assert loop()

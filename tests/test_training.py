"""Training: the ten lines it replaces, to the bit; stopped anywhere; batches that add up; frozen parts; R networks."""
import copy
import json
import pickle
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import nnnotes._training
import nnnotes.optimizers
from nnnotes.activations import identity, tanh
from nnnotes.losses import infogain_value_and_grad, squared_error_value_and_grad
from nnnotes.networks import MLP, Replicas
from nnnotes.optimizers import SGD, Training, accumulate_gradients

N = 10
RNG = np.random.default_rng(5)
X, TARGET = RNG.choice([-1.0, 1.0], (N, 4)), RNG.choice([-1.0, 1.0], (N, 2))
SQUARED = partial(squared_error_value_and_grad, axis=1, normalization="batch_size")
dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def made(loss=SQUARED, dtype=np.float64, seed=0, optimizer=None, **options):
    """A training of 4-3-2, with momentum and batches of 3, 3, 3 and 1."""
    net = MLP([4, 3, 2], tanh, rng=seed, dtype=dtype)
    optimizer = SGD(0.1, momentum=0.9, weight_decay=0.01) if optimizer is None else optimizer
    return Training(net, X, TARGET, loss, optimizer, **{"batch_size": 3, "rng": 0} | options)


def bits(training):
    """All that training has made, to the bit."""
    arrays = (training.net.parameters, *training.optimizer.state()["velocity"], training.losses)
    return b"".join(array.tobytes() for array in arrays if array is not None)


def ten_lines(net, optimizer, epochs, batch_size, order, form=lambda net, vector: vector):
    """The loop as everyone writes it; `form` says how the optimizer sees a vector."""
    losses = []
    for epoch in range(epochs):
        total, rows = 0.0, order(epoch)
        for start in range(0, N, batch_size):
            batch = rows[start : start + batch_size]
            value, gradient = net.value_and_grad(X[batch], TARGET[batch], SQUARED)
            new = optimizer.step(form(net, net.parameters), form(net, gradient))
            net.parameters = np.concatenate([part.ravel() for part in new])
            total += len(batch) * float(value)
        losses.append(total / N)
    return losses


def as_list(net, vector):
    """W1, b1, W2, b2."""
    return [part for pair in zip(*net.split(vector), strict=True) for part in pair]


@dtypes
@pytest.mark.parametrize("batch_size", [1, 3, 5, 10])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("form", [lambda net, vector: vector, as_list], ids=["vector", "list"])
def test_ten_lines_to_the_bit(dtype, batch_size, shuffle, form):
    training = made(dtype=dtype, batch_size=batch_size, shuffle=shuffle, rng=7).run(4)
    net, optimizer = MLP([4, 3, 2], tanh, rng=0, dtype=dtype), SGD(0.1, momentum=0.9, weight_decay=0.01)

    def order(epoch):
        every = shuffle and batch_size < N
        return np.random.default_rng([7, epoch]).permutation(N) if every else np.arange(N)

    losses = ten_lines(net, optimizer, 4, batch_size, order, form)
    assert training.net.parameters.tobytes() == net.parameters.tobytes() and training.net.dtype == dtype
    assert training.losses.tolist() == losses and training.losses.dtype == np.float64
    assert training.epoch == 4 and training.optimizer.steps == optimizer.steps == 4 * -(-N // batch_size)


def test_all_samples_are_the_default():
    whole = made(batch_size=None, rng=None).run(5)
    assert bits(whole) == bits(made(batch_size=N, shuffle=False, rng=None).run(5)) and whole.optimizer.steps == 5


def test_losses_are_means_before_the_updates():
    training = made(batch_size=None)
    before = training.net.value_and_grad(X, TARGET, SQUARED)[0]
    assert training.run(1).losses == [before]
    assert training.run(1).losses[1] < before


def test_runs_add_up():
    parts = made()
    assert parts.run(0) is parts and parts.epoch == 0 and parts.losses.shape == (0,)
    assert bits(parts.run(2).run(1).run(4)) == bits(made().run(7))


# Stopped anywhere


LOOP = nnnotes._training.__file__, nnnotes.optimizers.__file__
PACKAGE = tuple(map(str, Path(nnnotes.__file__).parent.glob("*.py")))


class Interrupter:
    """Raises `KeyboardInterrupt` at one of the instructions that some files, or some functions in them, run."""

    def __init__(self, place, names=None, files=LOOP):
        self.place, self.names, self.files, self.count = place, names, files, 0

    def __enter__(self):
        sys._getframe().f_trace_opcodes = True  # Python 3.12 asks for it before it traces
        sys.settrace(self.enter)
        return self

    def __exit__(self, *error):
        sys.settrace(None)

    def enter(self, frame, event, arg):
        if frame.f_code.co_filename not in self.files:
            return None
        frame.f_trace_opcodes = True
        return self.instruction

    def instruction(self, frame, event, arg):
        # Python 3.13 shows lines only of a function that is called for the first time
        if event in ("line", "opcode") and (self.names is None or frame.f_code.co_name in self.names):
            self.count += 1
            if self.count == self.place:
                raise KeyboardInterrupt
        return self.instruction


HISTORY = {}


def history():
    """The parameters after each update of an undisturbed run of two epochs, and what it ends with."""
    if not HISTORY:
        def step(self, *args):
            new = SGD.step(self, *args)
            HISTORY[self.steps] = new.tobytes()
            return new

        kind = type("Watched", (SGD,), {"step": step})
        training = made(batch_size=5, optimizer=kind(0.1, momentum=0.9))
        HISTORY[0] = training.net.parameters.tobytes()
        HISTORY["end"] = bits(training.run(2))
    return HISTORY


def fresh():
    return made(batch_size=5, optimizer=SGD(0.1, momentum=0.9))


def assert_goes_on(training):
    """Network and optimizer agree, and the rest of the two epochs ends where an undisturbed run does."""
    assert training.net.parameters.tobytes() == history()[training.optimizer.steps]
    assert training.epoch == len(training.losses) and training.optimizer.steps // 2 == training.epoch
    assert bits(training.run(2 - training.epoch)) == history()["end"]


@pytest.mark.parametrize("files, stride", [(LOOP, 1), (PACKAGE, 17)], ids=["loop", "package"])
def test_interrupted_at_every_instruction(files, stride):
    places, stopped = iter(range(1, 100000, stride)), True
    while stopped:
        training, place, stopped = fresh(), next(places), False
        try:
            with Interrupter(place, files=files):
                training.run(2)
        except KeyboardInterrupt:
            stopped = True
        assert_goes_on(training)
    assert place > 1000


@pytest.mark.parametrize("update", [1, 2, 3, 4])
def test_interrupted_again_while_it_puts_back(update):
    """A second Ctrl-C during the answer to the first: the next run, or `state`, does what is left."""
    class InterruptedSGD(SGD):
        def state(self):
            if self.steps == update and not stops:  # the update is made, and not yet noted
                stops.append(update)
                raise KeyboardInterrupt
            return super().state()

    for place in range(1, 1000):
        stops, training = [], made(batch_size=5, optimizer=InterruptedSGD(0.1, momentum=0.9))
        second = Interrupter(place, {"_put_back", "load_state"})
        with pytest.raises(KeyboardInterrupt), second:
            training.run(2)
        if second.count < place:
            break
        state = training.state()
        assert state["optimizer"]["steps"] == update - 1 and state["parameters"].tobytes() == history()[update - 1]
        assert_goes_on(training)
    assert 5 < place < 1000


SIGNALS = """
import signal, sys
sys.path.insert(0, {folder!r})
from test_training import bits, made

def interrupt(*args):
    global running
    if running:
        running = False  # what answers is left in peace
        raise KeyboardInterrupt

running, stops, training = False, set(), made(batch_size=1)
signal.signal(signal.SIGINT, interrupt)
print("ready", flush=True)
while training.epoch < 800 or not stops and training.epoch < 80000:  # until a signal has come, however late
    try:
        running = True
        training.run(max(800 - training.epoch, 1))
        running = False
    except KeyboardInterrupt:
        stops.add(training.optimizer.steps)
print(len(stops), bits(training) == bits(made(batch_size=1).run(training.epoch)), flush=True)
signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python's own end is not under test
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there a SIGINT would end the tests, too")
def test_real_signals():
    command = [sys.executable, "-c", SIGNALS.format(folder=str(Path(__file__).parent))]
    chance = random.Random(0)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        for _ in range(300):  # then quiet, which a slow machine may need to get on at all
            time.sleep(chance.uniform(0, 0.005))
            process.send_signal(signal.SIGINT)
        stops, same = process.stdout.read().split()
    assert process.returncode == 0 and int(stops) > 0 and same == "True"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_errors_of_the_callback_and_of_progress_leave_whole_epochs(error):
    def fails(training):
        if training.epoch == 1:
            raise error

    def progress(epochs):
        yield next(iter(epochs))
        raise error

    for options in ({"callback": fails}, {"progress": progress} if error is not GeneratorExit else {"callback": fails}):
        training = made()
        with pytest.raises(error):
            training.run(3, **options)
        assert training.epoch == 1 and bits(training.run(2)) == bits(made().run(3))


# State


def test_state_goes_on_in_another_process():
    training = made()
    training.run(2)
    state = pickle.loads(pickle.dumps(training.state()))
    other = made(seed=3)
    other.load_state(state)
    assert other.epoch == 2 and other.losses.tolist() == training.losses.tolist()
    assert bits(other.run(3)) == bits(training.run(3)) == bits(made().run(5))


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_state_within_an_epoch(call):
    def loss(outputs, target):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return SQUARED(outputs, target)

    calls, other = [], made(batch_size=5, optimizer=SGD(0.1, momentum=0.9), seed=4)
    training = made(loss, batch_size=5, optimizer=SGD(0.1, momentum=0.9))
    with pytest.raises(KeyboardInterrupt):
        training.run(2)
    assert training.state()["sample"] == {1: 0, 2: 5, 3: 0, 4: 5}[call]
    other.load_state(training.state())
    assert_goes_on(other)
    assert_goes_on(training)


def test_state_is_a_snapshot():
    training = made().run(1)
    state = training.state()
    before = pickle.dumps(state)
    training.run(1)
    assert pickle.dumps(state) == before
    wanted, other = bits(training), made()
    other.load_state(state)
    state["parameters"][:] = 7
    state["losses"][:] = 7
    state["optimizer"]["velocity"][0][:] = 7
    assert bits(other.run(1)) == wanted


def test_a_generator_draws_the_seed_once():
    first, second = (made(rng=np.random.default_rng(3)) for _ in range(2))
    assert bits(first.run(2)) == bits(second.run(2)) != bits(made(rng=3).run(2))
    other = made(rng=np.random.default_rng(4))
    other.load_state(first.state())
    assert bits(other.run(1)) == bits(first.run(1))
    unused = np.random.default_rng(5)
    made(batch_size=None, rng=unused)
    assert unused.random() == np.random.default_rng(5).random()


def saved(state, path):
    """What NumPy's files make of a state."""
    np.savez(path, **state)
    with np.load(path, allow_pickle=True) as file:
        return dict(file)


def listed(state, path):
    """What JSON makes of it, with the arrays as lists."""
    return json.loads(json.dumps(state, default=np.ndarray.tolist))


@pytest.mark.parametrize("keep", [saved, listed])
@pytest.mark.parametrize("options", [{}, {"frozen": ["W1"]}, {"batch_size": None}])
@pytest.mark.parametrize("epochs", [0, 2])
def test_state_comes_back_from_files(keep, options, epochs, tmp_path):
    training, other = made(**options).run(epochs), made(seed=3, **options)
    other.load_state(keep(training.state(), tmp_path / "state.npz"))
    assert bits(other.run(2)) == bits(training.run(2))


def test_state_within_an_epoch_comes_back_from_an_open_file(tmp_path):
    def fails(outputs, target):
        if training.state()["sample"] == 6:
            raise RuntimeError
        return SQUARED(outputs, target)

    training, other = made(), made(seed=3)
    training.loss = fails
    with pytest.raises(RuntimeError):
        training.run(1)
    np.savez(tmp_path / "state.npz", **training.state())
    with np.load(tmp_path / "state.npz", allow_pickle=True) as file:
        other.load_state(file)
    assert bits(other.run(2)) == bits(made().run(2))


@pytest.mark.parametrize("here, there, message", [
    ({}, {"batch_size": None}, r"state\['seed'\]: expected an integer, since .* shuffles, got None: write shuffle"),
    ({}, {"shuffle": False}, r"state\['seed'\]: expected an integer, since .* shuffles, got None"),
    ({"batch_size": None}, {}, r"state\['seed'\]: expected None, since .* does not shuffle, got 0: write state | "),
    ({"shuffle": False}, {}, r"state\['seed'\]: expected None, since .* does not shuffle, got 0"),
])  # fmt: skip
def test_a_state_does_not_turn_shuffling_on_or_off(here, there, message):
    training, state = made(**here).run(1), made(**there).run(3).state()
    with pytest.raises(ValueError, match=f"^{message}"):
        training.load_state(state)
    assert bits(training.run(1)) == bits(made(**here).run(2))
    training.load_state(state | {"seed": training.state()["seed"]})
    assert training.epoch == 3


@pytest.mark.parametrize("change, error, message", [
    ({"epoch": -1}, ValueError, r"state\['epoch'\]: expected an integer from 0 to 1, got -1"),
    ({"epoch": 5}, ValueError, r"state\['epoch'\]: expected an integer from 0 to 1, got 5"),
    ({"sample": N}, ValueError, r"state\['sample'\]: expected an integer from 0 to 9, got 10"),
    ({"sample": 1.5}, TypeError, r"state\['sample'\]: expected an integer"),
    ({"parameters": np.zeros(3)}, ValueError, r"state\['parameters'\]: expected shape \(23,\), got shape \(3,\)"),
    ({"parameters": np.zeros(23, np.float32)}, ValueError, r"state\['parameters'\]: expected float64, .* got float32"),
    ({"optimizer": {}}, ValueError, "state: expected a dict with steps, rate, keys, velocity"),
    ({"seed": "x"}, TypeError, "rng: expected an integer seed"),
    ({"more": 1}, ValueError, "state: expected a dict with parameters, optimizer, seed"),
])  # fmt: skip
def test_what_is_no_state_changes_nothing(change, error, message):
    training = made().run(1)
    wanted = bits(training)
    with pytest.raises(error, match=message):
        training.load_state(training.state() | change)
    assert bits(training) == wanted and bits(training.run(1)) == bits(made().run(2))
    with pytest.raises(ValueError, match="state: expected a dict with .* got a list"):
        training.load_state([])


class Peculiar(SGD):
    """An optimizer with a state of its own, which looks for it only when it has changed something."""

    def state(self):
        return super().state() | {"mine": 1}

    def load_state(self, state):
        super().load_state({key: value for key, value in state.items() if key != "mine"})
        state["mine"]


def test_a_state_that_the_optimizer_refuses_in_its_own_way_changes_nothing():
    training = made(optimizer=Peculiar(0.1, momentum=0.9)).run(1)
    state = training.state()
    training.net.parameters *= 0.5  # between epochs this is allowed, and has to last
    wanted = bits(training)
    foreign = state | {"parameters": 0 * state["parameters"], "optimizer": SGD(0.1).state()}
    with pytest.raises(KeyError, match="mine"):
        training.load_state(foreign)
    assert bits(training) == wanted
    other = made(optimizer=Peculiar(0.1, momentum=0.9), seed=2)
    other.load_state(state)
    other.net.parameters *= 0.5
    assert bits(training.run(1)) == bits(other.run(1))


def test_load_state_is_interrupted_at_every_instruction():
    """It has happened or not, and nothing in between."""
    state, seen = made().run(2).state(), set()
    ends = {epoch: bits(made().run(epoch + 1)) for epoch in (1, 2)}
    for place in range(1, 2000):
        training, interrupter = made().run(1), Interrupter(place)
        try:
            with interrupter:
                training.load_state(state)
        except KeyboardInterrupt:
            pass
        assert training.optimizer.steps == 4 * training.epoch
        seen.add((training.epoch, interrupter.count == place))
        assert bits(training.run(1)) == ends[training.epoch - 1]
        if interrupter.count < place:
            break
    assert seen - {(2, True)} == {(1, True), (2, False)} and place > 50  # Ctrl-C may come when all is done


# What a run calls


def test_progress_wraps_the_epochs():
    seen = []

    def progress(epochs):
        for epoch in epochs:
            seen.append((epoch, len(epochs)))
            yield epoch

    training = made().run(3, progress=progress)
    assert seen == [(0, 3), (1, 3), (2, 3)] and bits(training) == bits(made().run(3))
    assert made().run(3, progress=list).epoch == 3, "tqdm is a class, too"


def test_callback_stops_with_true_only():
    epochs = []
    training = made().run(9, callback=lambda training: epochs.append(training.epoch) or training.losses[-1])
    assert epochs == list(range(1, 10)), "a loss is no answer"
    training.run(9, callback=lambda training: np.bool_(training.epoch == 12))
    assert training.epoch == 12 and len(training.losses) == 12


def test_callback_may_change_network_and_optimizer():
    def halve(training):
        training.net.parameters *= 0.5
        training.optimizer = SGD(0.05)

    training, by_hand = made().run(2, callback=halve), made()
    for _ in range(2):
        halve(by_hand.run(1))
    assert np.array_equal(training.net.parameters, by_hand.net.parameters)
    assert not np.allclose(training.net.parameters, made().run(2).net.parameters)


# Batches that add up


@pytest.mark.parametrize("batch_size, accumulate, together", [
    (1, 3, 3), (2, 2, 4), (3, None, 10), (1, None, 10), (3, 3, 9), (4, 1, 4)
])  # fmt: skip
def test_accumulated_batches_are_one(batch_size, accumulate, together):
    parts = made(batch_size=batch_size, accumulate=accumulate, rng=3).run(5)
    whole = made(batch_size=together, rng=3, shuffle=together < N).run(5)
    assert parts.optimizer.steps == whole.optimizer.steps == 5 * -(-N // together)
    np.testing.assert_allclose(parts.net.parameters, whole.net.parameters, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-12)


def test_accumulated_gradients_of_a_batch():
    net = MLP([4, 3, 2], rng=0)
    parts = [net.value_and_grad(X[a:b], TARGET[a:b], SQUARED)[1] for a, b in ((0, 4), (4, 5), (5, 10))]
    whole = net.value_and_grad(X, TARGET, SQUARED)[1]
    np.testing.assert_allclose(accumulate_gradients(parts, [4, 1, 5]), whole, rtol=1e-13, atol=1e-15)
    single = accumulate_gradients([part.astype(np.float32) for part in parts], [4, 1, 5])
    assert single.dtype == np.float32 and not np.allclose(np.mean(parts, axis=0), whole)


@dtypes
def test_accumulated_gradients_are_means_of_the_largest_numbers(dtype):
    """The mean is never far from the largest part; where it rounds up to infinity there is an error."""
    for large in (1e308, 1e38) if dtype is np.float64 else (1e38, 3e38):
        for counts in ([1, 1], [1] * 10, [3, 3, 3, 1], [1, 10**6]):
            parts = np.full((len(counts), 2), [large, -large], dtype)
            mean = accumulate_gradients(parts, counts)
            np.testing.assert_allclose(mean, parts[0], rtol=4 * len(counts) * np.finfo(dtype).eps)
            assert mean.dtype == dtype
    assert accumulate_gradients([[1e308], [1e308]], [1, 1]) == [1e308]
    rounded, most = 0, np.finfo(dtype).max
    for n in range(1, 60):
        try:
            assert np.isfinite(accumulate_gradients([np.array([most])] * 2, [1, n])).all()
        except ValueError as error:
            assert str(error) == "mean of the gradients: expected finite numbers, got inf at [0]"
            rounded += 1
    assert 0 < rounded < 59


def test_accumulated_gradients_come_from_generators():
    gradients, counts = [[1.0, 0.0], [4.0, 0.0]], [2, 1]
    assert accumulate_gradients((g for g in gradients), (n for n in counts)).tolist() == [2, 0]
    assert accumulate_gradients(map(np.array, gradients), np.array(counts)).tolist() == [2, 0]


@pytest.mark.parametrize("gradients, counts, error, message", [
    ([], [], ValueError, "counts: expected one for each gradient, at least one, 0, got 0"),
    ([[1.0]], [1, 2], ValueError, "counts: expected one for each gradient, at least one, 1, got 2"),
    ([[1.0], [1.0, 2.0]], [1, 2], ValueError, r"gradients: expected arrays of one shape, got \(1,\) and \(2,\)"),
    ([[1.0]], [0], ValueError, r"counts\[0\]: expected a positive integer, got 0"),
    ([[1.0]], [1.5], TypeError, r"counts\[0\]: expected an integer, got 1.5"),
    ([None], [1], TypeError, r"gradients\[0\]: expected an array, got None"),
    ([[np.ones((2, 3)), np.ones(3)]] * 2, [1, 2], TypeError, r"gradients\[0\]: expected an array, got a list"),
    ([[np.ones(3), np.ones(3)]] * 2, [1, 2], TypeError, r"gradients\[0\]: .* got a list of arrays: write \[accum"),
    ([np.ones(2), (np.ones(1), np.ones(1))], [1, 2], TypeError, r"gradients\[1\]: .* got a list"),
    (5, [1], TypeError, "gradients: expected a list, got an int"),
    (None, [1], TypeError, "gradients: expected a list, got None"),
    (np.array(5.0), [1], TypeError, "gradients: expected a list, got a ndarray"),
    ([[1.0]], 1, TypeError, "counts: expected a list, got an int"),
    ([[1.0]], None, TypeError, "counts: expected a list, got None"),
    ((g for g in [[1.0]]), [1, 2], ValueError, "counts: expected one for each gradient, at least one, 1, got 2"),
    ([[1.0], [np.nan]], [1, 2], ValueError, r"gradients\[1\]: expected finite numbers, got nan at \[0\]"),
])  # fmt: skip
def test_accumulated_gradients_refuse(gradients, counts, error, message):
    with pytest.raises(error, match=message):
        accumulate_gradients(gradients, counts)


def test_lists_of_gradients_are_accumulated_as_the_error_says():
    gradients, counts = [[np.ones((2, 3)), np.ones(3)], [np.zeros((2, 3)), 4 * np.ones(3)]], [1, 2]
    W, b = [accumulate_gradients(arrays, counts) for arrays in zip(*gradients, strict=True)]
    assert np.allclose(W, 1 / 3) and W.shape == (2, 3) and b.tolist() == [3, 3, 3]


def test_ignored_labels_need_a_mean_over_samples():
    """As the docstring says: accumulated batches are one batch with "batch_size", and not with "valid"."""
    labels, apart = np.array([0, 1, -1, -1, -1, 1, 0, -1, 1, 0]), {}
    for normalization in ("batch_size", "valid"):
        loss = partial(infogain_value_and_grad, H=np.eye(2), ignore_label=-1, normalization=normalization)
        options = {"shuffle": False, "accumulate": None}
        nets = [MLP([4, 3, 2], tanh, rng=0) for _ in range(2)]
        for net, size in zip(nets, (3, N), strict=True):
            Training(net, X, labels, loss, SGD(0.1), batch_size=size, **options).run(5)
        apart[normalization] = abs(nets[0].parameters - nets[1].parameters).max()
    assert apart["batch_size"] < 1e-12 and apart["valid"] > 1e-3
    assert 'normalization="batch_size"' in Training.__doc__


# One optimizer for each network


def test_an_optimizer_of_another_network_is_refused():
    optimizer = SGD(0.1, momentum=0.9)
    made(optimizer=optimizer).run(2)
    second = made(seed=1, optimizer=optimizer)
    start, message = second.net.parameters.copy(), "^optimizer: expected one for each network, .* steps = 8 made"
    for use in (lambda: second.run(1), second.state):
        with pytest.raises(ValueError, match=message):
            use()
    assert np.array_equal(second.net.parameters, start) and optimizer.steps == 8
    second.optimizer = SGD(0.1, momentum=0.9)
    assert bits(second.run(2)) == bits(made(seed=1, optimizer=SGD(0.1, momentum=0.9)).run(2))


def test_an_optimizer_is_refused_where_trainings_were_made_before_they_run():
    optimizer = SGD(0.1)
    first, second = (made(seed=seed, optimizer=optimizer) for seed in range(2))
    first.run(1)
    with pytest.raises(ValueError, match="^optimizer: expected one for each network"):
        second.run(1)
    assert first.run(1).epoch == 2


def test_an_optimizer_goes_on_with_the_same_network():
    """Two trainings in turn on one network; a copy; a network that a callback replaces; a state of another start."""
    optimizer, net = SGD(0.1, momentum=0.9), MLP([4, 3, 2], tanh, rng=0)
    first, second = (Training(net, X, TARGET, SQUARED, optimizer, batch_size=3, rng=seed) for seed in range(2))
    assert [one.run(1).optimizer.steps for one in (first, second, first)] == [4, 8, 12]
    other = Training(net.copy(), X, TARGET, SQUARED, copy.deepcopy(optimizer), batch_size=3, rng=2)
    third = Training(net, X, TARGET, SQUARED, optimizer, batch_size=3, rng=2)
    assert bits(other.run(1)) == bits(third.run(1)) and optimizer.steps == 16

    def replace(training):
        training.net = training.net.copy()

    assert third.run(2, callback=replace).optimizer.steps == 24
    state = made().run(1).state()
    fresh_start = made(seed=5, optimizer=optimizer)
    fresh_start.load_state(state)
    assert fresh_start.run(1).optimizer.steps == 8
    optimizer.load_state(SGD(0.1).state())
    assert made(seed=6, optimizer=optimizer).run(1).optimizer.steps == 4


def test_an_optimizer_that_cannot_be_remembered_trains():
    class Plain:
        __slots__ = ("inner", "load_state", "state", "step")
        __hash__ = None
        steps = property(lambda self: self.inner.steps)

        def __init__(self):
            self.inner = SGD(0.1)
            self.step, self.state, self.load_state = self.inner.step, self.inner.state, self.inner.load_state

    assert made(optimizer=Plain()).run(2).epoch == 2


def test_an_error_of_the_optimizer_is_heard():
    class Broken(SGD):
        @property
        def steps(self):
            if broken:
                raise TypeError("steps are lost")
            return super().steps

    broken = []
    training = made(optimizer=Broken(0.1))
    broken.append(True)
    with pytest.raises(TypeError, match="^steps are lost"):
        training.run(1)


# Frozen parts


@pytest.mark.parametrize("frozen", [["W1"], ["b1", "W2"], ("W1", "b1"), {"b2"}, ["W1", "b1", "W2"]])
def test_frozen_parts_stay_and_the_others_move_as_by_hand(frozen):
    training = made(frozen=frozen, rng=7).run(4)
    net, names = MLP([4, 3, 2], tanh, rng=0), ["W1", "b1", "W2", "b2"]
    first = as_list(net.copy(), net.parameters.copy())
    optimizer = SGD(0.1, momentum=0.9, weight_decay=0.01)

    class Given:
        def step(self, parameters, gradient):
            given = [None if name in frozen else g for name, g in zip(names, gradient, strict=True)]
            return optimizer.step(parameters, given)

    ten_lines(net, Given(), 4, 3, lambda epoch: np.random.default_rng([7, epoch]).permutation(N), as_list)
    assert training.net.parameters.tobytes() == net.parameters.tobytes()
    parts = zip(names, first, as_list(net, net.parameters), training.optimizer.velocity, strict=True)
    for name, start, end, velocity in parts:
        assert np.array_equal(start, end) == (name in frozen) == (velocity is None)


def test_thawed_with_the_same_optimizer():
    """Another training goes on with what the optimizer knows: its list of parts, in which one was frozen."""
    first = made(frozen=["W1"]).run(2)
    second = Training(first.net, X, TARGET, SQUARED, first.optimizer, batch_size=3, rng=1, frozen=["b2"])
    before = first.net.copy()
    second.run(1)
    assert not np.array_equal(before.weights[0], second.net.weights[0])
    assert np.array_equal(before.biases[1], second.net.biases[1])


# R networks


@dtypes
@pytest.mark.parametrize("own_inputs", [False, True])
@pytest.mark.parametrize("frozen", [(), ["b1"]])
def test_each_of_many_networks_is_trained_as_if_alone(dtype, own_inputs, frozen):
    R, rates, momenta = 5, np.linspace(0.02, 0.1, 5), np.linspace(0, 0.9, 5)
    inputs = np.random.default_rng(2).normal(size=(N, 4, R)) if own_inputs else X
    targets = np.random.default_rng(3).choice([-1.0, 1.0], (N, 2, R))
    options = {"batch_size": 3, "accumulate": 2, "rng": 1, "frozen": frozen}
    many = Training(Replicas([4, 3, 2], rng=range(R), dtype=dtype), inputs, targets, SQUARED,
                    SGD(rates, momenta), **options).run(5)  # fmt: skip
    total, tolerance = 0.0, {np.float64: 1e-11, np.float32: 2e-4}[dtype]
    for r in range(R):
        x = inputs[..., r] if own_inputs else X
        net, optimizer = MLP([4, 3, 2], rng=r, dtype=dtype), SGD(rates[r], momenta[r])
        one = Training(net, x, targets[..., r], SQUARED, optimizer, **options).run(5)
        np.testing.assert_allclose(many.net.parameters[:, r], one.net.parameters, rtol=tolerance, atol=tolerance)
        total = total + one.losses
    np.testing.assert_allclose(many.losses, total, rtol=tolerance)
    assert many.net.dtype == dtype


def test_a_loss_for_each_network():
    """A loss function may return one value for each network: then so do the losses."""
    def loss(outputs, target):
        difference = outputs - target
        return (difference**2).sum((0, 1)) / 2 / len(outputs), difference / len(outputs)

    replicas, targets = Replicas([4, 3, 2], rng=range(3)), np.repeat(TARGET[..., None], 3, -1)
    training = Training(replicas, X, targets, loss, SGD(0.1), batch_size=3, rng=0).run(4)
    assert training.losses.shape == (4, 3) and "4 epochs" in repr(training)


def test_labels_as_target():
    loss = partial(infogain_value_and_grad, H=np.eye(2))
    training = Training(MLP([4, 3, 2], rng=0), X.tolist(), [0, 1] * 5, loss, SGD(0.5), batch_size=3, rng=0).run(50)
    assert training.losses[-1] < training.losses[0]


# What goes wrong


def test_divergence_names_step_and_place_and_keeps_what_was_done():
    net, steps = MLP([4, 3, 2], identity, rng=0), {}
    optimizer = SGD(5.0)
    training = Training(net, X, TARGET, SQUARED, optimizer, batch_size=3, rng=0)
    message = r"^step (\d+) \(epoch \d+\): value of the loss: expected finite numbers, got inf: the largest"
    with pytest.raises(ValueError, match=message) as error:
        training.run(100)
    steps = int(str(error.value).split()[1])
    assert optimizer.steps == steps > 3 and training.epoch == steps // 4 and np.isfinite(net.parameters).all()
    assert 0 < training.state()["sample"] == steps % 4 * 3
    by_hand, again = MLP([4, 3, 2], identity, rng=0), SGD(5.0)
    orders = [np.random.default_rng([0, epoch]).permutation(N) for epoch in range(50)]
    batches = [order[start : start + 3] for order in orders for start in range(0, N, 3)][:steps]
    for rows in batches:
        by_hand.parameters = again.step(by_hand.parameters, by_hand.value_and_grad(X[rows], TARGET[rows], SQUARED)[1])
    assert by_hand.parameters.tobytes() == net.parameters.tobytes()


def test_a_gradient_that_overflows_names_the_parameter():
    def steep(outputs, target):
        return 0.0, np.full_like(outputs, 1e308)

    with pytest.raises(ValueError, match=r"^step 0 \(epoch 0\): gradient: .* got inf at W1\[0, 0\]"):
        Training(MLP.from_arrays([np.eye(2)], [np.zeros(2)]), [[9.0, 9.0]], [[0, 0]], steep, SGD(0.1)).run(1)


def test_a_nan_of_the_loss_names_the_step():
    def broken(outputs, target):
        return 0.0, outputs * np.nan

    training = made(broken)
    start = training.net.parameters.copy()
    with pytest.raises(ValueError, match=r"^step 0 \(epoch 0\): gradient of the loss: .* got nan"):
        training.run(1)
    assert np.array_equal(training.net.parameters, start) and training.optimizer.steps == 0


@pytest.mark.parametrize("activation", [tanh, identity])
@pytest.mark.parametrize("rates, worst", [([0.01, 0.05, 0.1, 30.0], 3), ([0.01, 30.0, 0.1, 0.05], 1)])
def test_divergence_names_the_network(activation, rates, worst):
    net, targets = Replicas([4, 3, 2], [activation, identity], rng=0, count=4), np.repeat(TARGET[..., None], 4, -1)
    training = Training(net, X, targets, SQUARED, SGD(np.array(rates), 0.9), batch_size=3, rng=0)
    message = rf"^step \d+ .* got .*: the largest .* of network {worst}: .* take a smaller learning rate$"
    with pytest.raises(ValueError, match=message):
        training.run(2000)


def test_other_errors_speak_of_no_rate():
    def broken(outputs, target):
        if training.optimizer.steps == 2:
            raise ValueError("labels are out of order")
        return SQUARED(outputs, target)

    training = made(broken)
    with pytest.raises(ValueError, match=r"^step 2 \(epoch 0\): labels are out of order$"):
        training.run(1)


@pytest.mark.parametrize("value, error, message", [
    (np.nan, ValueError, r"step 2 \(epoch 0\): value of the loss: expected finite numbers, got nan: the largest"),
    (-np.inf, ValueError, r"step 2 \(epoch 0\): value of the loss: expected finite numbers, got -inf"),
    (1e308, ValueError, r"step 2 \(epoch 0\): sum of the losses of an epoch: expected finite numbers, got inf"),
    (np.ones(3), ValueError, r"step 2 \(epoch 0\): value of the loss: expected a single number, got shape \(3,\)"),
    (None, TypeError, "value of the loss: expected an array, got None"),
])  # fmt: skip
def test_a_value_of_the_loss_that_is_no_finite_number(value, error, message):
    def broken(outputs, target):
        return (value if training.optimizer.steps == 2 else 1.0), SQUARED(outputs, target)[1]

    training = made(broken)
    with pytest.raises(error, match=f"^{message}"):
        training.run(2)
    assert training.optimizer.steps == 2 and training.epoch == 0
    training.loss = SQUARED
    assert training.run(1).epoch == 1


def test_an_overflow_of_the_step_names_it():
    net, optimizer = MLP([4, 3, 2], identity, rng=0), SGD(lambda k: 0.0 if k < 2 else 1.7e308)
    training = Training(net, 10 * X, TARGET, SQUARED, optimizer, batch_size=3, rng=0)
    with pytest.raises(ValueError, match="parameters: expected finite numbers, got .*inf.* step 2"):
        training.run(3)
    assert optimizer.steps == 2 and np.isfinite(net.parameters).all()


@pytest.mark.parametrize("options, error, message", [
    ({"batch_size": 11}, ValueError, "batch_size: expected at most the 10 samples, got 11: write batch_size=None"),
    ({"batch_size": 0}, ValueError, "batch_size: expected a positive integer, got 0"),
    ({"batch_size": 2.0}, TypeError, "batch_size: expected an integer, got 2.0"),
    ({"accumulate": 5}, ValueError, "accumulate: expected at most the 4 batches of an epoch, got 5: write acc"),
    ({"accumulate": 0}, ValueError, "accumulate: expected a positive integer, got 0"),
    ({"rng": None}, TypeError, "rng: expected an integer seed or .*, got None: or write shuffle=False"),
    ({"rng": -1}, ValueError, "rng: expected a seed that is not negative, got -1"),
    ({"rng": "now"}, TypeError, "rng: expected an integer seed"),
    ({"rng": "now", "batch_size": None}, TypeError, "rng: expected an integer seed .*, got 'now'"),
    ({"rng": -1, "batch_size": N}, ValueError, "rng: expected a seed that is not negative, got -1"),
    ({"rng": np.nan, "accumulate": None}, TypeError, "rng: expected an integer seed .*, got nan"),
    ({"rng": 1.5, "shuffle": False}, TypeError, "rng: expected an integer seed .*, got 1.5"),
    ({"shuffle": "no"}, TypeError, "shuffle: expected True or False, got 'no'"),
    ({"shuffle": None}, TypeError, "shuffle: expected True or False, got None"),
    ({"frozen": [[1]]}, ValueError, r"frozen: expected some of W1, b1, W2, b2, not all, got \[1\]"),
    ({"frozen": [1, "W1"]}, ValueError, "frozen: expected some of W1, b1, W2, b2, not all, got 1, W1"),
    ({"frozen": "W1"}, TypeError, r"frozen: expected a list of names such as \['W1', 'b1'\], got 'W1'"),
    ({"frozen": ["W3"]}, ValueError, "frozen: expected some of W1, b1, W2, b2, not all, got W3"),
    ({"frozen": ["W1", "b1", "W2", "b2"]}, ValueError, "frozen: expected some of .*, not all"),
    ({"loss": None}, TypeError, "loss: expected a function of"),
])  # fmt: skip
def test_arguments_are_named(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        made(**options)


def test_roles_and_samples_are_named():
    net, optimizer = MLP([4, 3, 2], rng=0), SGD(0.1)
    cases = [((X, net, TARGET, SQUARED, optimizer), TypeError, "net: expected an MLP or Replicas"),
             ((net, X, TARGET, SQUARED, SGD), TypeError, r"optimizer: expected one such as SGD\(0.1\)"),
             ((net, X, TARGET, SQUARED, 0.1), TypeError, r"optimizer: expected one such as SGD\(0.1\), got 0.1"),
             ((net, X.T, TARGET, SQUARED, optimizer), ValueError, r"X: expected shape \(N, 4\).* write X.T"),
             ((net, X * np.nan, TARGET, SQUARED, optimizer), ValueError, "X: expected finite numbers, got nan"),
             ((net, X[:0], TARGET[:0], SQUARED, optimizer), ValueError, "X: expected at least one sample"),
             ((net, X, TARGET[:9], SQUARED, optimizer), ValueError, r"target: expected 10 rows.* got shape \(9, 2\)"),
             ((net, X, 1.0, SQUARED, optimizer), ValueError, "target: expected 10 rows")]  # fmt: skip
    for arguments, error, message in cases:
        with pytest.raises(error, match=f"^{message}"):
            Training(*arguments)


@pytest.mark.parametrize("arguments, error, message", [
    ({"epochs": -1}, ValueError, "epochs: expected a number that is not negative, got -1"),
    ({"epochs": 1.5}, TypeError, "epochs: expected an integer, got 1.5"),
    ({"epochs": 1, "progress": True}, TypeError, "progress: expected a function, got a bool"),
    ({"epochs": 1, "progress": print}, TypeError, "progress: expected a function that returns what .* returns None"),
    ({"epochs": 1, "progress": int}, TypeError, "progress: expected a function, got a class"),
    ({"epochs": 1, "progress": str}, TypeError, "progress: expected a function that returns what .* returns a str"),
    ({"epochs": 1, "callback": int}, TypeError, "callback: expected a function, got a class"),
    ({"epochs": 1, "callback": list}, TypeError, "callback: expected a function, got a class"),
    ({"epochs": 1, "callback": 3}, TypeError, "callback: expected a function, got an int"),
])  # fmt: skip
def test_arguments_of_run_are_named(arguments, error, message):
    with pytest.raises(error, match=f"^{message}"):
        made().run(**arguments)


def test_readable():
    assert repr(made()) == "Training of MLP 4-3-2 (tanh, tanh), 23 parameters, float64: 0 epochs"
    assert repr(made().run(3)).partition("3 epochs, loss 0.")[1]

"""What Python sets on an exploration: what people have is taken, what makes no sense is refused, nothing is shared."""
import json
import math

import numpy as np
import pytest
from traitlets import TraitError

from nnnotes.losses import softmax
from nnnotes.widgets import GradCheck, Infogain, Momentum, Saturation

DISTANCES = ((0, 1, 4), (1, 0, 4), (4, 4, 0))


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), np.float64(3), np.array(3)])
def test_every_kind_of_number_is_taken(value):
    neuron = Saturation(x=value)
    assert neuron.x == 3 and type(neuron.x) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 32.1, "3", None, [3], np.array([3.0]), 3j])
@pytest.mark.parametrize("how", ["made", "set"])
def test_what_is_no_number_between_the_bounds_is_refused(value, how):
    neuron = Saturation()
    with pytest.raises(TraitError, match=r"^x: expected a number from -32 to 32, got "):
        Saturation(x=value) if how == "made" else setattr(neuron, "x", value)
    assert neuron.x == -4


@pytest.mark.parametrize("matrix", [np.eye(3), np.float32(np.eye(3)), np.eye(3, dtype=int).tolist(), [*np.eye(3)]])
def test_every_kind_of_matrix_is_taken(matrix):
    assert Infogain(matrix=matrix).matrix == ((1, 0, 0), (0, 1, 0), (0, 0, 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_softmax_is_taken(dtype):
    random = np.random.default_rng(0)
    for logits in random.normal(0, 8, (100, 3)).astype(dtype):
        p = Infogain(prediction=softmax(logits)).prediction
        assert abs(sum(p) - 1) < 1e-12
        np.testing.assert_allclose(p, softmax(logits), rtol=1e-6)


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("prediction", [0.5, 0.5, 0.5], "probabilities with the sum 1, got the sum 1.5"),
        ("prediction", [0.5, 0.5], "3 numbers from 0 to 1, got "),
        ("prediction", [math.nan, 0.5, 0.5], "3 numbers from 0 to 1, got "),
        ("prediction", "cat", "3 numbers from 0 to 1, got 'cat'"),
        ("matrix", np.ones((2, 2)), "3 × 3 numbers from 0 to 4, got "),
        ("matrix", [[1, 2, 3], [1, 2], [1]], "3 × 3 numbers from 0 to 4, got "),
        ("matrix", np.full((3, 3), math.inf), "3 × 3 numbers from 0 to 4, got "),
    ],
)
def test_what_is_no_distribution_or_matrix_is_refused(name, value, said):
    with pytest.raises(TraitError, match=f"^{name}: expected {said}"):
        Infogain(**{name: value})


@pytest.mark.parametrize("value", [0, 100, 12.5, math.nan, "12", None])
def test_a_step_that_is_no_whole_number_is_refused(value):
    valley = Momentum()
    with pytest.raises(TraitError, match=r"^fall: expected a whole number from 1 to 99, got "):
        valley.fall = value
    assert valley.fall == 12


@pytest.mark.parametrize("start", [[1, 2, 3], [2.1, 0], [math.nan, 0], "here", 1])
def test_a_start_that_is_no_point_of_the_plane_is_refused(start):
    with pytest.raises(TraitError, match=r"^start: expected 2 numbers from -2 to 2, got "):
        Momentum(start=start)
    assert Momentum(start=np.float32([0.5, -2])).start == (0.5, -2)


@pytest.mark.parametrize("how", ["made", "set"])
def test_a_name_that_is_misspelt_is_refused(how):
    asked = Infogain()
    with pytest.raises(TypeError, match="one of prediction, label, matrix, reading, rate, got lable$"):
        Infogain(lable="dog") if how == "made" else setattr(asked, "lable", "dog")
    with pytest.raises(TypeError, match=r"Saturation: expected one of x, target, a, b, rate, overlay, got color$"):
        Saturation(color="red")
    assert Saturation(layout={"width": "50%"}).layout.width == "50%"


def test_a_change_in_place_is_impossible_and_no_widget_changes_another():
    asked = Infogain()
    with pytest.raises(TypeError, match="does not support item assignment"):
        asked.matrix[0][1] = 3.0
    with pytest.raises(TypeError, match="does not support item assignment"):
        asked.prediction[0] = 1.0
    mine = np.array(DISTANCES, float)
    asked.matrix = mine
    mine[0, 1] = 3
    assert asked.matrix == Infogain().matrix == DISTANCES
    asked._setup["presets"][0]["buttons"][0]["values"]["matrix"][0][0] = 3.0
    assert Infogain()._setup["presets"][0]["buttons"][0]["values"]["matrix"][0][0] == 1


@pytest.mark.parametrize("kind", [GradCheck, Infogain, Momentum, Saturation])
def test_a_saved_state_keeps_the_order_of_presets(kind):
    state = kind().get_state()["_setup"]
    again = json.loads(json.dumps(state, sort_keys=True))
    for one, other in zip(state["presets"], again["presets"], strict=True):
        assert one["title"] == other["title"]
        assert [button["label"] for button in one["buttons"]] == [button["label"] for button in other["buttons"]]


def test_values_from_the_browser_come_back_as_python_keeps_them():
    asked = Infogain()
    asked.set_state({"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "prediction": [0.2, 0.3, 0.5]})
    assert asked.matrix[0] == (1, 0, 0) and asked.prediction == (0.2, 0.3, 0.5)


def test_tab_shows_only_what_is_public():
    from nnnotes import widgets

    assert sorted(dir(widgets)) == ["GradCheck", "Infogain", "Momentum", "Saturation"]

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.profiles import CurationConfig, PaperAnnotators
from dataset_schema import Bucket
from modeling.encoders import EmbeddedEncoders, PaperEncoders
from modeling.sampling.pipeline import PipelineConfig
from modeling.training.config import RunConfig
from modeling.training.presets import paper, tiny
from storage.configs import differing_fields, from_plain, read_config, to_plain, write_config

SIZE = Bucket(9, 64, 112)


class Flour(StrEnum):
    WHEAT = "wheat"
    RYE = "rye"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oven:
    profile: Literal["oven"] = "oven"
    degrees: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pan:
    profile: Literal["pan"] = "pan"
    lid: bool = True

    def __post_init__(self) -> None:
        if not self.lid:
            raise ValueError("the pan has no lid, expected one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cake:
    eggs: int
    grams: float = 250.0
    sweet: bool = True
    name: str = "plum"
    recipe: Path = Path("cakes")
    flour: Flour = Flour.WHEAT
    shape: Literal["round", 4] = "round"
    size: Bucket = SIZE
    sizes: tuple[Bucket, ...] = ()
    range_c: tuple[float, int] = (170.0, 190)
    helpers: int | None = None
    spices: dict[str, float] = field(default_factory=dict)
    heat: Oven | Pan = field(default_factory=Oven)
    layers: tuple[Pan, ...] = ()
    glaze: Oven | None = None


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
BUCKETS = st.builds(Bucket, frames=st.sampled_from([5, 9]), height=st.sampled_from([16, 64]), width=st.just(32))
OVENS = st.builds(Oven, degrees=FLOATS)
CAKES = st.builds(
    Cake,
    eggs=st.integers(),
    grams=FLOATS,
    sweet=st.booleans(),
    name=st.text(),
    recipe=st.sampled_from([Path("a"), Path("/b/c d")]),
    flour=st.sampled_from(Flour),
    shape=st.sampled_from(["round", 4]),
    size=BUCKETS,
    sizes=st.lists(BUCKETS, max_size=3).map(tuple),
    range_c=st.tuples(FLOATS, st.integers()),
    helpers=st.none() | st.integers(),
    spices=st.dictionaries(st.text(), FLOATS, max_size=3),
    heat=OVENS | st.builds(Pan),
    layers=st.lists(st.builds(Pan), max_size=2).map(tuple),
    glaze=st.none() | OVENS,
)


@given(cake=CAKES)
def test_what_was_made_plain_is_read_back_equal(cake: Cake) -> None:
    in_a_file = json.loads(json.dumps(to_plain(cake)))

    assert from_plain(Cake, in_a_file) == cake


# What else a file may hold, by how Python sees it; an integer is a number, and none of the others is anything else.
PLAIN: dict[str, Any] = {
    "none": None,
    "truth": True,
    "integer": 5,
    "number": 5.5,
    "text": "5",
    "array": [5, [], "x"],
    "table": {"a": []},
}
TAKES: dict[str, set[str]] = {
    "eggs": {"integer"},
    "grams": {"integer", "number"},
    "sweet": {"truth"},
    "name": {"text"},
    "recipe": {"text"},
    "flour": set(),
    "shape": set(),
    "size": set(),
    "sizes": set(),
    "range_c": set(),
    "helpers": {"none", "integer"},
    "spices": set(),
    "heat": set(),
    "layers": set(),
    "glaze": {"none"},
}
WRONG = [(name, found) for name, taken in TAKES.items() for found in PLAIN if found not in taken]


@pytest.mark.parametrize(("name", "found"), WRONG)
def test_a_value_of_another_type_is_always_refused_with_its_place(name: str, found: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}\b.*expected"):
        from_plain(Cake, {"eggs": 1, name: PLAIN[found]})


@given(wrong=st.lists(st.sampled_from(WRONG), min_size=1, max_size=4, unique_by=lambda each: each[0]))
def test_all_problems_of_a_config_are_told_at_once(wrong: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        from_plain(Cake, {"eggs": 1, **{name: PLAIN[found] for name, found in wrong}})

    told = str(error.value).split("; ")
    assert {problem.partition(" ")[0].partition(".")[0].partition("[")[0].rstrip(":") for problem in told} == {
        name for name, _ in wrong
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"eggs": "many"}, "eggs is 'many', expected an integer"),
        ({"eggs": 5.0}, "eggs is 5.0, expected an integer"),
        ({"eggs": True}, "eggs is True, expected an integer"),
        ({"grams": "1"}, "grams is '1', expected a number"),
        ({"flour": "corn"}, "flour is 'corn', expected 'wheat' or 'rye'"),
        ({"shape": 4.0}, "shape is 4.0, expected 'round' or 4"),
        ({"size": "9x64"}, "size: bucket is '9x64', expected FRAMESxHEIGHTxWIDTH such as 17x144x256"),
        ({"sizes": ["5x16x16", "9x65x112"]}, "sizes[1]: bucket has height 65, expected a positive multiple of 16"),
        ({"range_c": [1.0]}, "range_c is [1.0], expected an array of 2"),
        ({"range_c": [1.0, 2.5]}, "range_c[1] is 2.5, expected an integer"),
        ({"spices": {"salt": "a pinch"}}, "spices.salt is 'a pinch', expected a number"),
        ({"heat": {"profile": "pot"}}, "heat.profile is 'pot', expected 'oven' or 'pan'"),
        ({"heat": {"profile": ["pan"]}}, "heat.profile is ['pan'], expected 'oven' or 'pan'"),
        ({"heat": {"lid": True}}, "heat.lid is unknown, expected a field of Oven: degrees, profile"),
        ({"heat": {"profile": "pan", "lid": False}}, "heat: the pan has no lid, expected one"),
        ({"layers": [{}, {"lid": "no"}]}, "layers[1].lid is 'no', expected true or false"),
        ({"glaze": 3}, "glaze is 3, expected a table"),
        ({"egs": 1}, "egs is unknown, expected a field of Cake: eggs, flour"),
    ],
)
def test_a_problem_says_where_it_is_what_was_found_and_what_was_expected(content: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        from_plain(Cake, {"eggs": 1} | content)

    assert str(error.value).startswith(problem)


def test_a_field_that_is_missing_takes_its_default_or_is_named() -> None:
    assert from_plain(Cake, {"eggs": 2}) == Cake(eggs=2)
    with pytest.raises(ValueError, match=r"^eggs is missing$"):
        from_plain(Cake, {"grams": 2})
    with pytest.raises(ValueError, match=r"^it is \[\], expected a table$"):
        from_plain(Cake, [])


def test_what_no_file_can_hold_is_refused_with_its_place() -> None:
    heat: Any = Oven(degrees=object())  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r"^heat\.degrees is <object .*, which a file cannot hold$"):
        to_plain(Cake(eggs=1, heat=heat))


@pytest.mark.parametrize(
    "config", [paper(), tiny(), CurationConfig(), CurationConfig(annotators=PaperAnnotators())], ids=lambda _: ""
)
def test_what_was_written_is_read_back_equal(config: RunConfig | CurationConfig, tmp_path: Path) -> None:
    write_config(tmp_path / "run.json", config)

    assert read_config(tmp_path / "run.json", type(config)) == config


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run\.json does not exist; expected a directory"):
        read_config(tmp_path / "run.json", RunConfig)
    (tmp_path / "run.json").write_text('{"training": ')
    with pytest.raises(ValueError, match=r"run\.json: Expecting value"):
        read_config(tmp_path / "run.json", RunConfig)


def test_saved_numbers_of_another_type_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    batching = {"tokens_per_device": 5.5, "devices_per_group": True}
    path.write_text(
        json.dumps({"training": {"data": {"batching": batching}}, "pipeline": {"flow": {"base_shift": "1"}}})
    )

    with pytest.raises(ValueError, match="expected an integer") as error:
        read_config(path, RunConfig)

    assert str(error.value) == (
        f"{path}: training.data.batching.tokens_per_device is 5.5, expected an integer; "
        "training.data.batching.devices_per_group is True, expected an integer; "
        "pipeline.flow.base_shift is '1', expected a number"
    )


def test_an_unknown_field_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"training": {"phases": [{"name": "I", "stepz": 3}]}}')

    with pytest.raises(
        ValueError,
        match=r"run\.json: training\.phases\[0\]\.stepz is unknown, expected a field of TrainingPhase: .*steps",
    ):
        read_config(tmp_path / "run.json", RunConfig)


def test_the_profile_says_which_config_stands_there_and_without_one_it_is_the_first(tmp_path: Path) -> None:
    path = tmp_path / "config.json"

    encoders = []
    for content in ('{"profile": "paper"}', '{"profile": "embedded"}', "{}"):
        path.write_text(f'{{"encoders": {content}}}')
        encoders.append(read_config(path, PipelineConfig).encoders)

    assert encoders == [PaperEncoders(), EmbeddedEncoders(), EmbeddedEncoders()]


def test_an_unknown_profile_and_a_field_of_the_other_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"

    path.write_text('{"encoders": {"profile": "papper"}}')
    with pytest.raises(ValueError, match=r"encoders\.profile is 'papper', expected 'embedded' or 'paper'"):
        read_config(path, PipelineConfig)
    path.write_text('{"encoders": {"text_encoder": "t5"}}')
    with pytest.raises(
        ValueError, match=r"encoders\.text_encoder is unknown, expected a field of EmbeddedEncoders: image_channels"
    ):
        read_config(path, PipelineConfig)


def test_differing_fields_are_named_with_both_values() -> None:
    one = tiny()
    other = replace(one, training=replace(one.training, seed=7, phases=(*one.training.phases, *one.training.phases)))

    differences = differing_fields(one, other)

    assert "training.seed is 0, expected 7" in differences
    assert "training.phases[1].name is None, expected 'joint'" in differences
    assert not differing_fields(one, tiny())

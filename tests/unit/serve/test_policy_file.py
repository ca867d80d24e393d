import dataclasses
from pathlib import Path

import pytest

from domain.errors import InputError
from domain.market import Arch
from domain.policy import Capacity, Policy
from serve.schemas.policy import FIELDS, load_policy

DOCS = Path(__file__).parents[3] / "docs" / "policy.md"
FULL = """\
capacity: spot
families: [m6i, c7g]
architectures: [arm64]
excluded_namespaces: []
max_pool_share: 1
max_loss_share: 0.3
payback_h: 12
max_concurrent_actions: 2
allow_burstable: false
"""


def load(folder: Path, text: str, **overrides: object) -> Policy:
    path = folder / "policy.yaml"
    path.write_text(text)
    return load_policy(path, overrides=overrides)


def problem_of(folder: Path, text: str) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    error = caught.value
    return error.obj.removeprefix(f"{folder}/"), f"{error.field}: {error.problem}"


def test_without_a_file_the_policy_is_the_default() -> None:
    assert load_policy(None, overrides={}) == Policy()


def test_an_empty_file_is_the_default_policy(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing yet\n") == Policy()


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    assert load(tmp_path, FULL) == Policy(
        capacity=Capacity.SPOT,
        families=("m6i", "c7g"),
        architectures=(Arch.ARM64,),
        excluded_namespaces=(),
        max_pool_share=1.0,
        max_loss_share=0.3,
        payback_h=12.0,
        max_concurrent_actions=2,
        allow_burstable=False,
    )


def test_options_win_over_the_file_where_they_are_given(tmp_path: Path) -> None:
    policy = load(tmp_path, FULL, capacity=Capacity.MIXED, families=(), max_pool_share=None)

    assert (policy.capacity, policy.families) == (Capacity.MIXED, ("m6i", "c7g"))


def test_every_field_of_a_policy_can_be_set_in_a_file_and_is_documented() -> None:
    fields = tuple(field.name for field in dataclasses.fields(Policy))

    assert fields == FIELDS
    assert [name for name in fields if f"`{name}`" not in DOCS.read_text()] == []


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (
            "\nmax_pool_shar: 1",
            "policy.yaml line 2",
            "max_pool_shar: is not a field of a policy; did you mean max_pool",
        ),
        ("zebra: 1", "policy.yaml line 1", "zebra: is not a field of a policy; the fields are capacity, families"),
        ("capacity: cheap", "policy.yaml line 1", "capacity: must be 'spot', 'on-demand' or 'mixed', not 'cheap'"),
        ("max_pool_share: 2", "policy.yaml line 1", "max_pool_share: must be above 0 and at most 1, not 2.0"),
        ("payback_h: .inf", "policy.yaml line 1", "payback_h: must be a finite number"),
        ("payback_h: '24'", "policy.yaml line 1", "payback_h: must be a valid number, not '24'"),
        ("families: m5", "policy.yaml line 1", "families: must be a valid list, not 'm5'"),
        ("families: [m5, 6]", "policy.yaml line 1", "families.1: must be a valid string, not 6"),
        ("max_concurrent_actions: 2.5", "policy.yaml line 1", "max_concurrent_actions: must be a valid integer"),
        ("allow_burstable: perhaps", "policy.yaml line 1", "allow_burstable: must be a valid boolean"),
        ("capacity: spot\n\ncapacity: mixed", "policy.yaml line 3", "capacity: is already set in line 1"),
        ("capacity: [", "policy.yaml line 1", ": is not YAML"),
        ("- capacity", "policy.yaml", ": must be a list of fields"),
    ],
)
def test_a_mistake_is_told_by_line_and_field(tmp_path: Path, text: str, where: str, problem: str) -> None:
    told_where, told = problem_of(tmp_path, text)

    assert told_where == where
    assert told.startswith(problem)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_policy(tmp_path / "none.yaml", overrides={})


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match="is not UTF-8"):
        load_policy(tmp_path / "policy.yaml", overrides={})


def test_an_option_out_of_range_is_told_as_the_option() -> None:
    with pytest.raises(InputError, match=r"^--max-pool-share: must be above 0 and at most 1, not 3"):
        load_policy(None, overrides={"max_pool_share": 3.0})

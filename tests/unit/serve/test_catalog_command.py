import pytest

from serve.cli.main import run


def test_regions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "show"]) == 0
    assert "eu-central-1" in capsys.readouterr().out.split()


def test_types_of_a_region_are_shown_with_both_prices(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "show", "--region", "us-east-1", "m6i.large", "c6g"]) == 0

    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()[2:]}
    assert rows["m6i.large"][1:5] == ["amd64", "2", "8", "GiB"]
    assert float(rows["m6i.large"][6]) < float(rows["m6i.large"][5])
    assert "c6g.large" in rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--region", "mars"], "error: region mars: is not in the catalogue"),
        (["--region", "us-east-1", "zz9"], "error: TYPE: zz9: is neither a type nor a family of us-east-1"),
        (["m5"], "error: --region: is missing"),
        (["--file", "none.gz", "--region", "us-east-1"], "none.gz: cannot be read"),
    ],
)
def test_what_cannot_be_shown_ends_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["catalog", "show", *arguments]) == 2
    assert message in capsys.readouterr().err

"""`--set field=value` takes JSON that fits, else what a person would type."""

from __future__ import annotations

import pytest

from trellis.cli.settings import read_settings
from trellis.errors import InvalidField, UsageError
from trellis.model.graph import Field
from trellis.model.values import Value

FIELDS = {
    "name": Field("string"),
    "env": Field("string", enum=("Staging", "prod")),
    "tries": Field("integer"),
    "rate": Field("number"),
    "go": Field("boolean"),
    "tags": Field(["string"]),
    "server": Field({"id": "string", "port": "integer"}),
    "data": Field("any"),
    "note": Field("string", optional=True),
}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("name=Ana", "Ana"),
        ("name=7", "7"),
        ('name="7"', "7"),
        ("name=", ""),
        ("name=a=b", "a=b"),
        ("name=[1", "[1"),
        ("env=PROD", "prod"),
        ("env=staging", "Staging"),
        ("tries=7", 7),
        ("tries=7.0", 7),
        ('tries="7"', None),
        ("rate=1.5", 1.5),
        ("go=true", True),
        ("go=yes", True),
        ("go=N", False),
        ('tags=["a", "b"]', ["a", "b"]),
        ('server={"id": "x", "port": 80}', {"id": "x", "port": 80}),
        ("data=7", 7),
        ("data=plain text", "plain text"),
        ("data=null", None),
        ("note=null", None),
    ],
)
def test_a_value_is_read_by_the_type_of_its_field(setting: str, value: Value) -> None:
    name = setting.partition("=")[0]
    if setting == 'tries="7"':
        with pytest.raises(InvalidField):
            read_settings([setting], FIELDS, "g")
    else:
        assert read_settings([setting], FIELDS, "g") == {name: value}


def test_the_last_setting_of_a_field_counts() -> None:
    assert read_settings(["tries=1", "name=x", "tries=2"], FIELDS, "g") == {"tries": 2, "name": "x"}


def test_an_unknown_field_is_refused_with_a_guess() -> None:
    with pytest.raises(UsageError) as raised:
        read_settings(["nam=Ana"], FIELDS, "provision")
    assert str(raised.value) == "graph 'provision' has no field 'nam' (did you mean 'name'?)"


@pytest.mark.parametrize("setting", ["name", "=x", ""])
def test_a_setting_without_name_or_value_is_refused(setting: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_settings([setting], FIELDS, "g")
    assert str(raised.value) == f"--set takes FIELD=VALUE, found '{setting}'"


def test_a_value_that_does_not_fit_says_why() -> None:
    with pytest.raises(InvalidField) as raised:
        read_settings(["tries=many"], FIELDS, "g")
    assert str(raised.value) == "field 'tries': not a whole number: 'many'"

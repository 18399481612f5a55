"""A picture of states shows every relation that has a part in the outcome, once, and any name renders."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.render.test_mermaid import shown
from trellis.engine.relations import Relations
from trellis.errors import BadSchema
from trellis.model.states import DeclaredState, StateDef
from trellis.render.relations import relation_diagram

EVERYTHING = {
    "Start": StateDef(),
    "Ready": StateDef(auto=True, require=("Start",)),
    "Message": StateDef(multi=True, add=("Ready",)),
    "Beat": StateDef(auto=True, multi=True, after=("Message",)),
    "Stopped": StateDef(remove=("Start", "Beat")),
    "Paused": StateDef(remove=("Stopped",)),
}
STATES = st.dictionaries(
    st.sampled_from("ABCDE"),
    st.builds(
        StateDef,
        auto=st.booleans(),
        multi=st.booleans(),
        require=st.lists(st.sampled_from("ABCDEZ"), max_size=3, unique=True).map(tuple),
        add=st.lists(st.sampled_from("ABCDEZ"), max_size=3, unique=True).map(tuple),
        remove=st.lists(st.sampled_from("ABCDEY"), max_size=3, unique=True).map(tuple),
        after=st.lists(st.sampled_from("ABCDEZ"), max_size=3, unique=True).map(tuple),
    ),
)


def edges(picture: str) -> list[tuple[str, str, str]]:
    """Source, relation, target by name; one that goes both ways is given both ways."""
    names = {
        number: shown(label).split("<br/>")[0]
        for number, label in re.findall(r'^  (n\d+)[\[(]+"(.*?)"', picture, re.MULTILINE)
    }
    found = []
    for source, arrow, relation, target in re.findall(r'^  (n\d+) (\S+)\|"(\w+)"\| (n\d+)$', picture, re.MULTILINE):
        found.append((names[source], relation, names[target]))
        if arrow == "x--x":
            found.append((names[target], relation, names[source]))
    return found


def test_every_mark_and_relation_is_drawn_in_its_own_style() -> None:
    assert relation_diagram(EVERYTHING, active=["Start", "Ready"]).splitlines() == [
        "flowchart TD",
        '  n0["Start"]',
        '  n1(["Ready<br/>auto"])',
        '  n2[["Message<br/>multi"]]',
        '  n3[["Beat<br/>auto, multi"]]',
        '  n4["Stopped"]',
        '  n5["Paused"]',
        '  n1 -->|"require"| n0',
        '  n2 ==>|"add"| n1',
        '  n3 -.->|"after"| n2',
        '  n4 --x|"remove"| n0',
        '  n4 --x|"remove"| n3',
        '  n5 --x|"remove"| n4',
        "  linkStyle 0 stroke:#3a5f9e",
        "  linkStyle 1 stroke:#2f7d46",
        "  linkStyle 3,4,5 stroke:#b3261e",
        "  linkStyle 2 stroke:#777777",
        "  classDef active fill:#ffe3b3,stroke:#b35900,color:#3d1f00,stroke-width:3px",
        "  class n0,n1 active",
    ]


def test_a_state_of_a_workflow_shows_what_guards_it() -> None:
    picture = relation_diagram({"A": DeclaredState(auto=True, enter_if="x > 2", exit_if='y == "no"')})
    assert picture.splitlines()[1] == '  n0(["A<br/>auto<br/>enter if x #62; 2<br/>exit if y == #quot;no#quot;"])'


def test_states_that_remove_each_other_share_one_edge() -> None:
    group = ("Red", "Green", "Off")
    picture = relation_diagram({name: StateDef(remove=group) for name in group})
    assert [line for line in picture.splitlines() if "remove" in line] == [
        '  n0 x--x|"remove"| n1',
        '  n0 x--x|"remove"| n2',
        '  n1 x--x|"remove"| n2',
    ]


def test_what_the_resolver_drops_is_not_drawn() -> None:
    states = {
        "A": StateDef(add=("Nobody", "A", "B"), remove=("A", "B", "Nobody"), after=("A", "Nobody")),
        "B": StateDef(remove=("A",)),
    }
    assert edges(relation_diagram(states)) == [("A", "add", "B"), ("B", "remove", "A")]


def test_a_required_state_that_does_not_exist_is_drawn_as_absent() -> None:
    assert relation_diagram({"A": StateDef(require=("Powr",))}).splitlines() == [
        "flowchart TD",
        '  n0["A"]',
        '  n1["Powr<br/>no state"]',
        '  n0 -->|"require"| n1',
        "  linkStyle 0 stroke:#3a5f9e",
        "  classDef absent stroke-dasharray:4 3,color:#777777",
        "  class n1 absent",
    ]


@pytest.mark.parametrize(
    ("states", "active", "drawn"),
    [
        ({"A": StateDef()}, (), False),
        ({"A": StateDef()}, ("Exception",), True),
        ({"ErrA": StateDef(require=("Exception",))}, (), True),
    ],
)
def test_exception_is_drawn_where_it_has_a_relation_or_is_active(
    states: dict[str, StateDef], active: tuple[str, ...], drawn: bool
) -> None:
    picture = relation_diagram(Relations(states).states, active=active)
    assert ("Exception<br/>multi" in picture) is drawn


def test_active_names_that_are_no_states_are_passed_over() -> None:
    assert relation_diagram({"A": StateDef()}, active=["B"]) == relation_diagram({"A": StateDef()})
    assert relation_diagram({}) == "flowchart TD\n"


@given(states=STATES)
def test_the_edges_are_the_relations_that_the_resolver_works_with(states: dict[str, StateDef]) -> None:
    try:
        cleaned = Relations(states).states
    except BadSchema:
        assume(condition=False)
    drawn = edges(relation_diagram(states))
    assert len(drawn) == len(set(drawn))
    assert sorted(drawn) == sorted(
        {
            (name, relation, other)
            for name, state in cleaned.items()
            for relation in ("require", "add", "remove", "after")
            for other in getattr(state, relation)
            if relation == "require" or name != other
        }
    )


@given(name=st.text(min_size=1).filter(lambda name: name != "Exception"))
@example('say "hi" #quot; `x` --> [a](b) <b>&amp;</b> end')
@example("__init__")
@example("end")
def test_no_name_leaves_its_quotes(name: str) -> None:
    lines = relation_diagram({name: StateDef(auto=True), "Other": StateDef(require=(name,))}).splitlines()
    assert len(lines) == (5 if name != "Other" else 4)
    if name != "Other":
        assert re.fullmatch(r'  n0\(\["[^"`<>&%:~]*<br/>auto"\]\)', lines[1])

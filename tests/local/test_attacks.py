"""Each cell of the README's isolation table, attacked: as root, and as an ordinary user."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.attacks import ATTACKS, BUBBLEWRAP, LANDLOCK, LEVELS, ROWS, Attack
from tests.local.victim import USERS, Victim

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "user",
    [
        pytest.param(user, marks=[] if uid == os.getuid() else pytest.mark.slow)
        for user, uid in USERS.items()
    ],
)
@pytest.mark.parametrize("level", [BUBBLEWRAP, pytest.param(LANDLOCK, marks=pytest.mark.slow)])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_an_attack_does_what_the_table_says(
    attack: Attack, level: str, user: str, victims: Callable[[str, str], Victim]
) -> None:
    through, output = victims(level, user).try_it(attack.script)
    expected = level in attack.through or f"{level} {user}" in attack.through
    assert through == expected, output


def test_there_are_enough_attacks() -> None:
    assert len({(attack.row, attack.name) for attack in ATTACKS}) == len(ATTACKS) >= 100
    assert {attack.row for attack in ATTACKS} == set(ROWS)
    assert not any("bubblewrap" in where for attack in ATTACKS for where in attack.through)


@pytest.mark.parametrize("level", LEVELS)
def test_the_table_marks_what_gets_through(level: str) -> None:
    """What is not held at a level is in bold."""
    for name, row in ROWS.items():
        gets_through = any(
            where.split()[0] == level
            for attack in ATTACKS
            if attack.row == name
            for where in attack.through
        )
        assert ("**" in row.cell(level)) == gets_through, name


def test_the_readme_has_the_table() -> None:
    lines = [
        f"| {row.title} | {row.bubblewrap} | {row.landlock} | {row.none} |" for row in ROWS.values()
    ]
    assert "\n".join(lines) in (ROOT / "README.md").read_text()

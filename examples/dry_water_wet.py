"""Relations alone tell a story: water makes wet, what is dry holds no water, and no handler is written.

Water brings Wet with it. Wet cannot be without Water. Dry and Water drive each other out, so the one that was called
last wins.
"""

from __future__ import annotations

from trellis import Machine

SCHEMA = {
    "Wet": {"require": ["Water"]},
    "Dry": {"remove": ["Water"]},
    "Water": {"add": ["Wet"], "remove": ["Dry"]},
}


def main() -> Machine:
    """Dry, then water, then dry again, and one thing that cannot be."""
    ground = Machine(SCHEMA, id="ground")
    for name in ("Dry", "Water", "Dry", "Wet"):
        result = ground.add(name)
        print(f"add {name:<5} {result.value:<8} -> {', '.join(ground.active)}")
    print(f"clocks: {ground.string_all()}")
    return ground


if __name__ == "__main__":
    main()

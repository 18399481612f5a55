"""What people see, held against the files of `golden/`, without what differs from one time to the next.

`TRELLIS_GOLDEN=write` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

FILES = Path(__file__).with_name("golden")
PASSING = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z", "DATE"),
    (r"\d\d:\d\d:\d\dZ", "TIME"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"\b[0-9a-f]{12}\b", "HASH"),
    (r"\b\d+[dhms]( \d+[hms])?\b", "SPAN"),
    (r"\d+(\.\d+)? (KiB|MiB|bytes)", "SIZE"),
)


def matches(name: str, text: str, folder: Path) -> None:
    """Hold `text`, which was said in `folder`, against the golden file `name`."""
    text = text.replace(str(folder), "PROJECT")
    for pattern, word in PASSING:
        text = re.sub(pattern, word, text)
    file = FILES / name
    if os.environ.get("TRELLIS_GOLDEN") == "write":
        FILES.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")

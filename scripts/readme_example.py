"""Writes what the tool makes of README's example into README, or with --check says whether it is what stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tf_modernize.codemods import engine

README = Path(__file__).parent.parent / "README.md"
BLOCK = r"(<!-- {} -->\n```python\n)(.*?)(```)"


def main() -> int:
    text = README.read_text()
    before = re.search(BLOCK.format("before"), text, re.DOTALL)
    assert before, "README.md has no example"
    result = engine.upgrade_program({"example.py": before[2].encode()})
    after = (result.files["example.py"].after or b"").decode()
    new = re.sub(BLOCK.format("after"), lambda found: found[1] + after + found[3], text, flags=re.DOTALL)
    if "--check" in sys.argv:
        print(f"{result.level}: {'as it stands in README.md' if new == text else 'README.md shows something else'}")
        return int(new != text or result.level != "native")
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())

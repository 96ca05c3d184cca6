r"""A picture of what a program prints in a terminal: ANSI text in, SVG out.

```bash
COLUMNS=84 FORCE_COLOR=1 uv run cookbook/quickstart.py \
    | sed -n '/LlamaIndex agent/,/same conversation/{/same conversation/!p}' \
    | uv run docs/_site/terminal.py "uv run cookbook/quickstart.py" >docs/assets/quickstart.svg
```
"""

import io
import re
import sys

from rich.console import Console
from rich.text import Text

console = Console(record=True, width=84, file=io.StringIO())
console.print(Text.from_ansi(sys.stdin.read().rstrip()))
picture = console.export_svg(title=sys.argv[1], unique_id="terminal")
# Without the font that a reader would fetch from elsewhere.
sys.stdout.write(re.sub(r"\s*@font-face \{.*?\n    \}", "", picture, flags=re.DOTALL))

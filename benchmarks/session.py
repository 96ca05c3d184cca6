"""The recorded session: sixty tool calls of a coding agent that mends and extends a program.

The mix is what such agents do most: they run commands (22), read (14) and edit (14), and
between these write (4), grep (3), ls (2) and glob (1). A package without a tool gets what
a model does without it: grep, glob and ls become commands; an edit becomes a read of the
file and a write of all of it.
"""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from benchmarks.peers import Output

PROJECT = {
    "README.md": "# shop\n\nCarts, prices and stock. Run `python3 -m unittest`.\n",
    "shop/__init__.py": "",
    "shop/prices.py": '''"""Prices, in cents."""

RATES = {"de": 19, "fr": 20, "ch": 8}


def gross(cents, country):
    return int(cents * (100 + RATES[country]) / 100)


def parse(text):
    whole, _, rest = text.partition(".")
    return int(whole) * 100 + int(rest or 0)


def show(cents):
    return f"{cents // 100}.{cents % 100}"
''',
    "shop/cart.py": '''"""A cart of things to buy."""

from shop import prices


class Cart:
    def __init__(self, country="de"):
        self.country = country
        self.lines = []

    def add(self, name, cents, count=1):
        self.lines.append((name, cents, count))

    def total(self):
        return sum(prices.gross(cents, self.country) * count for _, cents, count in self.lines)
''',
    "shop/stock.py": '''"""What is in stock."""


class Stock:
    def __init__(self):
        self.counts = {}

    def put(self, name, count):
        self.counts[name] = self.counts.get(name, 0) + count

    def take(self, name, count):
        self.counts[name] = self.counts[name] - count
''',
    "tests/__init__.py": "",
    "tests/test_prices.py": """import unittest

from shop import prices


class PricesTest(unittest.TestCase):
    def test_gross_rounds(self):
        self.assertEqual(prices.gross(105, "de"), 125)

    def test_parse_one_digit(self):
        self.assertEqual(prices.parse("1.5"), 150)

    def test_show_has_two_digits(self):
        self.assertEqual(prices.show(105), "1.05")
""",
    "tests/test_cart.py": """import unittest

from shop.cart import Cart


class CartTest(unittest.TestCase):
    def test_total(self):
        cart = Cart()
        cart.add("pen", 100, 2)
        self.assertEqual(cart.total(), 238)
""",
    "data/orders.csv": "".join(
        f"order-{n:06},pen,{n % 7 + 1},{n * 3 % 997}\n" for n in range(9000)
    ),
}

CHANGELOG = "# Changes\n\n- `gross` rounds, `parse` and `show` know cents.\n- Carts have coupons.\n"
COUPONS = '''"""Coupons: a share off the total."""

SHARES = {"SPRING": 10, "FRIEND": 25}


def reduced(cents, code):
    if code not in SHARES:
        raise ValueError(f"there's no coupon {code!r}")
    return round(cents * (100 - SHARES[code]) / 100)
'''
TEST_COUPONS = """import unittest

from shop.cart import Cart


class CouponTest(unittest.TestCase):
    def test_a_coupon_takes_its_share(self):
        cart = Cart()
        cart.add("pen", 1000)
        cart.coupon = "SPRING"
        self.assertEqual(cart.total(), 1071)

    def test_a_wrong_coupon_is_refused(self):
        cart = Cart()
        cart.coupon = "NONE"
        with self.assertRaises(ValueError):
            cart.total()
"""
TEST_STOCK = """import unittest

from shop.stock import Stock


class StockTest(unittest.TestCase):
    def test_take_refuses_what_is_not_there(self):
        stock = Stock()
        stock.put("pen", 1)
        with self.assertRaises(ValueError):
            stock.take("pen", 2)
"""


@dataclass(frozen=True)
class Step:
    """One tool call.

    Attributes:
        tool: The tool.
        arguments: Its arguments; paths are relative to the project.
        shows: What must be in the answer.
        code: The exit code of a command.
    """

    tool: str
    arguments: tuple[Any, ...]
    shows: str = ""
    code: int = 0


def _exec(command: str, shows: str = "", code: int = 0) -> Step:
    return Step("exec", (command,), shows, code)


def _read(path: str, shows: str, *window: int) -> Step:
    return Step("read", (path, *window), shows)


def _edit(path: str, old: str, new: str) -> Step:
    return Step("edit", (path, old, new))


def _write(path: str, content: str) -> Step:
    return Step("write", (path, content))


_TESTS = "python3 -m unittest 2>&1"

STEPS = [
    Step("ls", (".",), "shop"),
    _read("README.md", "unittest"),
    _exec("find . -name '*.py' | xargs wc -l | tail -n 1", "total"),
    Step("glob", (".", "test_*.py"), "tests/test_cart.py"),
    _exec(_TESTS, "FAILED", 1),
    _read("tests/test_prices.py", "test_gross_rounds"),
    _read("shop/prices.py", "def parse"),
    _edit(
        "shop/prices.py",
        "    return int(cents * (100 + RATES[country]) / 100)\n",
        "    return round(cents * (100 + RATES[country]) / 100)\n",
    ),
    _exec(_TESTS, "failures=2", 1),
    _edit(
        "shop/prices.py",
        "int(whole) * 100 + int(rest or 0)",
        'int(whole) * 100 + int(rest.ljust(2, "0"))',
    ),
    _exec(f"{_TESTS} | tail -n 3", "failures=1"),
    _edit("shop/prices.py", "{cents % 100}", "{cents % 100:02}"),
    _exec(_TESTS, "OK"),
    Step("grep", (".", "prices"), "shop/cart.py"),
    _read("shop/cart.py", "class Cart"),
    _read("tests/test_cart.py", "test_total"),
    _write("shop/coupons.py", COUPONS),
    _edit("shop/cart.py", "from shop import prices\n", "from shop import coupons, prices\n"),
    _edit(
        "shop/cart.py",
        "        self.lines = []\n",
        "        self.lines = []\n        self.coupon = None\n",
    ),
    _edit("shop/cart.py", "        return sum(prices", "        total = sum(prices"),
    _edit(
        "shop/cart.py",
        " for _, cents, count in self.lines)\n",
        " for _, cents, count in self.lines)\n"
        "        return coupons.reduced(total, self.coupon) if self.coupon else total\n",
    ),
    _exec("python3 -c 'import shop.cart'"),
    _write("tests/test_coupons.py", TEST_COUPONS),
    _exec(_TESTS, "OK"),
    _read("shop/cart.py", "coupons.reduced"),
    _exec("python3 -c 'import shop.coupons as c; print(c.reduced(1000, \"FRIEND\"))'", "750"),
    _read("shop/stock.py", "def take"),
    _exec("python3 -m py_compile shop/*.py && echo compiled", "compiled"),
    _edit(
        "shop/stock.py",
        "        self.counts[name] = self.counts[name] - count\n",
        "        if self.counts.get(name, 0) < count:\n"
        '            raise ValueError(f"there aren\'t {count} of {name}")\n'
        "        self.counts[name] -= count\n",
    ),
    _write("tests/test_stock.py", TEST_STOCK),
    _exec(_TESTS, "Ran 7 tests"),
    Step("ls", ("data",), "orders.csv"),
    _exec("wc -l data/orders.csv; head -n 3 data/orders.csv", "9000 data/orders.csv"),
    _read("data/orders.csv", "order-004000", 4001, 50),
    _exec("cut -d , -f 2 data/orders.csv | sort | uniq -c", "9000 pen"),
    Step("grep", ("data", "order-008999"), "orders.csv"),
    _exec("seq 1500 | sed 's/^/log line /'", "log line 1500"),
    _read("data/orders.csv", "order-008950", 8951, 50),
    _exec("awk -F , '{ sum += $4 } END { print sum }' data/orders.csv", "4469607"),
    _edit("shop/prices.py", '"ch": 8', '"ch": 8.1'),
    _exec("python3 -c 'from shop import prices; print(prices.gross(1000, \"ch\"))'", "1081"),
    _read("shop/prices.py", '"ch": 8.1'),
    _edit(
        "shop/prices.py",
        '"""Prices, in cents."""',
        '"""Prices in cents, and how they are shown."""',
    ),
    _exec(_TESTS, "OK"),
    _exec("ls no-such-folder", "no-such-folder", 2),
    _read("tests/test_coupons.py", "test_a_wrong_coupon"),
    _edit("tests/test_coupons.py", 'cart.coupon = "NONE"', 'cart.coupon = "OTHER"'),
    _exec("python3 -m unittest tests.test_coupons 2>&1", "Ran 2 tests"),
    _read("README.md", "Carts, prices"),
    _edit("README.md", "Carts, prices and stock.", "Carts with coupons, prices and stock."),
    _write("CHANGELOG.md", CHANGELOG),
    Step("grep", ("shop", "coupon"), "shop/coupons.py"),
    _read("shop/stock.py", "aren't"),
    _edit("shop/stock.py", '"""What is in stock."""', '"""What is in stock, and what is not."""'),
    _exec("python3 -c 'import shop.stock; print(shop.stock.__doc__)'", "and what is not"),
    _edit("README.md", "Run `python3 -m unittest`.", "Test it with `python3 -m unittest`."),
    _exec("cat README.md CHANGELOG.md", "Carts have coupons"),
    _read("shop/coupons.py", "SPRING"),
    _exec("find . -name __pycache__ -prune -o -name '*.py' -print | sort | head", "shop/stock.py"),
    _exec(_TESTS, "OK"),
]


class Session:
    """One run through the session, in a folder.

    What the files should hold is kept here and put right after a step that went wrong, so
    that a failure counts once and does not spoil the steps behind it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = dict(PROJECT)
        for name in self.files:
            self._mend(name)

    def step(self, index: int, nonce: str) -> Generator[Any, Any, None]:
        """A step, as a piece of work."""
        step = STEPS[index]
        name, *rest = step.arguments
        if step.tool == "edit":
            assert self.files[name].count(rest[0]) == 1, f"step {index} is wrong"
            self.files[name] = self.files[name].replace(*rest)
        elif step.tool == "write":
            [self.files[name]] = rest
        try:
            answer = yield lambda peer: self._do(peer, step, nonce)
            if isinstance(answer, Output):
                code, answer = answer.exit_code, answer.text
                assert code in (step.code, None), f"exit code {code}: {answer[-200:]}"
            if step.tool in ("edit", "write"):
                found = (self.folder / name).read_text()
                assert found == self.files[name], f"{name} has another content"
            else:
                assert step.shows in str(answer), f"no {step.shows!r} in it: {str(answer)[-200:]}"
        finally:
            if step.tool in ("edit", "write"):
                self._mend(name)

    def _do(self, peer: Any, step: Step, nonce: str) -> Any:
        """Make the tool call, or what a model does without that tool."""
        name, *rest = step.arguments
        path = str(self.folder / name).removesuffix("/.")
        if step.tool == "exec":
            # Each command leaves a line, so that one that ran twice is found out.
            return peer.exec(f"echo {nonce} >>{self.folder}/../runs; cd {self.folder}; {name}")
        paged = step.tool == "read" and rest
        if hasattr(peer, step.tool) and (peer.pages or not paged):
            return getattr(peer, step.tool)(path, *rest)
        match step.tool:
            case "edit":
                peer.read(path)
                return peer.write(path, self.files[name])
            case "read":
                first, count = rest
                return peer.exec(f"sed -n '{first},{first + count - 1}p' {quote(path)}")
            case "ls":
                return peer.exec(f"ls {quote(path)}")
            case "glob":
                return peer.exec(f"find {quote(path)} -name {quote(rest[0])}")
            case "grep":
                return peer.exec(f"grep -rnF {quote(rest[0])} {quote(path)}")
        raise AssertionError(step.tool)

    def _mend(self, name: str) -> None:
        path = self.folder / name
        if not path.exists() or path.read_text() != self.files[name]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.files[name])

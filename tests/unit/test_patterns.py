"""The dialects of grep and glob, with strings alone."""

import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytona_toolkit._operations.grep.regex import compile_regex
from daytona_toolkit._search.globs import compile_glob, compile_name_glob
from daytona_toolkit.errors import SearchPatternError


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "`(` without a `)`"),
        ("a)", "`)` without a `(`"),
        ("[a", "`[` without a `]`"),
        ("*a", "nothing before it"),
        ("^*", "repeats nothing"),
        ("a**", "repeats a repetition"),
        (r"(a)\1", "back reference"),
        ("(?=a)", "search for what surrounds it too"),
        ("(?i)a", "ignore_case"),
        ("(?P<a>b)", "use a plain group"),
        (r"\pL", "does not know"),
        ("a{3,1}", "wrong order"),
        ("a{1000}", "more than 255 times"),
        ("((x{255}){255}){255}", "expands to too much"),
        (r"\W" * 4000, "expands to too much"),
        ("(" * 200 + "a" + ")" * 200, "has groups more than 50 deep"),
        ("[z-a]", "invalid range"),
        (r"[a-\d]", "invalid range"),
        ("[[:letter:]]", "does not know"),
        (r"[\b]", "put it before or after the set"),
        (r"[^\x00-\x{10ffff}]", "a set in [ ] that matches nothing"),
        (r"\x{d800}", "which no line contains"),
        ("a\\", "ends with a backslash"),
        ("a\nb", "newline"),
        (r"a\nb", "one line at a time"),
        ("a\0b", "NUL"),
        ("", "empty"),
        ("x" * 10_001, "10,001 characters"),
    ],
)
def test_a_regular_expression_that_cannot_be_matched_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(SearchPatternError, match=re.escape(words)):
        compile_regex(pattern)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "is empty"),
        ("/", "is empty"),
        ("./.", "names no file"),
        ("a/*/../b", "`..` after a wildcard"),
        ("[z-a]", "invalid range"),
        ("[[:nope:]]", "not a character class; use one of alpha, digit"),
        ("[!\x01-\U0010ffff]", "a set that matches nothing"),
        ("a\0b", "contains a NUL"),
        ("x" * 4097, "4,097 characters"),
        ("{a,b}" * 10 + "*", "more than 1,000 patterns"),
        ("{a,b}" * 9 + "x" * 4000, "or to very long ones"),
        ("{,}" * 1300, "or to very long ones"),
        ("{/a,b}", "absolute and relative at once"),
    ],
)
def test_a_glob_that_cannot_be_matched_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(SearchPatternError, match=re.escape(words)):
        compile_glob(pattern)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("/etc/*", "is absolute"), ("~/a", "is absolute"), ("../*", "has `..`")],
)
def test_a_glob_for_the_files_of_a_search_stays_in_its_folder(pattern: str, words: str) -> None:
    with pytest.raises(SearchPatternError, match=re.escape(words)):
        compile_name_glob(pattern)


@pytest.mark.parametrize(
    ("pattern", "start", "depth", "hidden", "folders"),
    [
        ("*.py", "", 1, False, False),
        ("src/a/*.{js,ts}", "src/a", 1, False, False),
        ("src/{a,b}/*", "src", 2, False, False),
        ("src/**/x", "src", None, False, False),
        ("/usr/lib/", "/usr", 1, False, True),
        ("../a\\b/.*", "../ab", 1, True, False),
    ],
)
def test_a_glob_says_where_to_look_and_how_deep(
    pattern: str, start: str, depth: int | None, hidden: bool, folders: bool
) -> None:
    glob = compile_glob(pattern)
    assert (glob.start, glob.depth, glob.hidden, glob.folders) == (start, depth, hidden, folders)


def finds(expression: str, line: str) -> bool:
    """Whether a compiled expression is in a line, told by Python's engine over bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of sets in sets, which Python may add
        pattern = re.compile(expression.encode("utf-8", "surrogateescape"), re.DOTALL)
    return bool(pattern.search(line.encode("utf-8", "surrogateescape")))


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (r"^[\]^-]+$", "]^-"),
        (r"^a{,2}$", "aa"),
        ("a{b", "a{b"),
        (r"\x41\x{42}\u00e9\t", "AB\u00e9\t"),
        (r"[[:^alpha:]]", "1"),
        ("caf\udce9", "caf\udce9"),
        ("^.*$", "caf\udce9"),
        ("a|", ""),
        ("()", ""),
        ("foo$", "foo\r"),
    ],
)
def test_an_expression_finds_what_it_says(pattern: str, line: str) -> None:
    assert finds(compile_regex(pattern), line)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("{a,b{c,d}}{,.x}", "a bc bd a.x bc.x bd.x", "b a, c"),
        ("{{a,b}", "{a {b", "a b"),
        ("{a,b", "{a,b", "a b"),
        ("{x{a,b}y}", "{xay} {xby}", "xay"),
        ("[{,}]{a,b}", "{a ,b }a", "a b"),
        (r"\{a,b}", "{a,b}", r"\a a"),
        ("{a}{b,c}", "{a}b {a}c", "ab"),
        ("[{a,b}", "[a [b", "a {"),
    ],
)
def test_braces_stand_for_their_options(pattern: str, names: str, others: str) -> None:
    filter_ = compile_glob(pattern).filter
    assert all(finds(filter_, f"./{name}") for name in names.split(" "))
    assert not any(finds(filter_, f"./{name}") for name in others.split(" "))


ATOMS = r"a b foo . [^a-z] [_-d] [^\x00-\x7f]"
ATOMS += r" \d \w \s \S [ab] [^a] [a-f0-9] \. é [é-ï] [^é] \} - [\]^-] \W \t (?:ab|fo) x|b"
atoms = st.sampled_from(ATOMS.split())
counts = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "*?"])
repeated = st.tuples(atoms, counts).map(lambda pair: f"({pair[0]}){pair[1]}")
expressions = st.lists(repeated, min_size=1, max_size=4).map("".join)
texts = st.text(st.sampled_from("ab foAB0_.-]^é\u00ef\t}x\u4f60"), max_size=8)


@settings(max_examples=50, deadline=None)
@given(expression=expressions, line=texts, ignore_case=st.booleans())
def test_an_expression_means_what_it_does_to_python(
    expression: str, line: str, ignore_case: bool
) -> None:
    flags = re.ASCII | (re.IGNORECASE if ignore_case else 0)
    expected = bool(re.search(expression, line, flags))
    if not (ignore_case and re.search("[^\x00-\x7f]", expression + line)):  # ASCII alone in Python
        assert finds(compile_regex(expression, ignore_case=ignore_case), line) == expected


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), min_size=1, max_size=20)
)
def test_a_fixed_text_finds_itself_and_nothing_else(text: str) -> None:
    expression = compile_regex(text, fixed=True)
    assert finds(expression, f"before {text} after")
    assert not finds(f"^{expression}$", f"{text}!")

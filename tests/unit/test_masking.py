"""Secrets, whole and in pieces."""

import asyncio
import random
import re
import string
import time

from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit._masking import Mask, MaskedOutput, valid_unicode
from daytona_toolkit.errors import NoMatchError, PathNotFoundError
from daytona_toolkit.results import ExecResult, Image, Listing, ReadResult

# A small alphabet, so that secrets overlap and contain each other.
words = st.text("ab\n", min_size=6, max_size=12)
texts = st.lists(st.one_of(st.text("ab*\n", max_size=8), words)).map("".join)


def streamed(mask: Mask, pieces: list[str]) -> list[str]:
    """What is shown of a stream that arrives in pieces."""
    shown: list[str] = []

    async def show(stream: str, text: str) -> None:
        shown.append(text)

    async def stream() -> None:
        output = MaskedOutput(mask, show)
        for piece in pieces:
            await output("stdout", piece)
        await output.flush()

    asyncio.run(stream())
    return shown


@given(st.lists(words, min_size=1, max_size=4), st.lists(texts, max_size=8), st.data())
def test_a_secret_in_pieces_is_hidden_as_a_whole_one_is(
    secrets: list[str], pieces: list[str], data: st.DataObject
) -> None:
    mask = Mask(secrets)
    pieces += [data.draw(st.sampled_from(secrets))]
    cut = data.draw(st.integers(0, len("".join(pieces))))
    text = "".join(pieces)
    for way in (pieces, [text[:cut], text[cut:]], list(text)):
        shown = "".join(streamed(mask, way))
        assert shown == mask(text)
        assert not any(secret in shown for secret in secrets)


class PlainMask:
    """What a mask does, in the plainest way."""

    def __init__(self, secrets: list[str]) -> None:
        lines = {line.strip() for secret in secrets for line in secret.split("\n")}
        found = {text for text in {*secrets, *lines} if len(text) >= 6}
        self.secrets = sorted(found, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(re.escape, self.secrets)) or r"(?!)")

    def __call__(self, text: str) -> str:
        return self.pattern.sub("***", text)

    def split(self, text: str) -> tuple[str, str]:
        whole = [match.span() for match in self.pattern.finditer(text)]
        for at in range(len(text)):
            begins = any(s.startswith(text[at:]) and s != text[at:] for s in self.secrets)
            if begins and not any(first < at < last for first, last in whole):
                return self(text[:at]), text[at:]
        return self(text), ""

    def start(self, text: str) -> str:
        for secret in self.secrets:
            for length in range(len(secret) - 1, 3, -1):
                if text.startswith(secret[-length:]):
                    return "***" + self(text[length:])
        return self(text)


@given(st.lists(words, max_size=4), st.lists(texts, max_size=8).map("".join), st.data())
def test_a_mask_hides_what_the_plainest_one_does(
    secrets: list[str], text: str, data: st.DataObject
) -> None:
    text += data.draw(st.sampled_from([*secrets, "aa"]))
    text = text[data.draw(st.integers(0, 8)) : data.draw(st.integers(0, len(text)))]
    mask, plain = Mask(secrets), PlainMask(secrets)
    assert mask(text) == plain(text)
    assert mask.split(text) == plain.split(text)
    assert mask.start(text) == plain.start(text)


def test_a_long_secret_of_many_lines_costs_little() -> None:
    chance = random.Random(1)
    letters = string.ascii_letters + string.digits + "+/"
    mask = Mask(["\n".join("".join(chance.choices(letters, k=64)) for _ in range(50))])
    text = "".join(chance.choices(letters, k=1_000_000))
    started = time.process_time()
    assert mask(text) == text
    assert all(mask.split(text[i : i + 4_000])[0] for i in range(100))
    assert time.process_time() - started < 0.4


def test_text_is_held_back_only_while_it_may_become_a_secret() -> None:
    mask = Mask(["secret"])
    assert streamed(mask, ["a sec", "ond ", "secr", "et!\n", "sec"]) == [
        "a ",
        "second ",
        "***!\n",
        "sec",
    ]


async def test_streams_are_held_back_each_for_itself() -> None:
    shown = []

    async def show(stream: str, text: str) -> None:
        shown.append((stream, text))

    output = MaskedOutput(Mask(["secret"]), show)
    for stream, text in [("stdout", "sec"), ("stderr", "ret!"), ("stdout", "ret")]:
        await output(stream, text)
    await output.flush()
    assert shown == [("stderr", "ret!"), ("stdout", "***")]


def test_values_that_are_no_secrets_are_left() -> None:
    assert Mask(["", "1", "prod"])("1 of prod") == "1 of prod"


def test_every_text_of_a_result_is_masked_but_not_its_picture() -> None:
    mask = Mask(["secret"])
    ran = mask.hide(ExecResult(exit_code=0, stdout="a secret", stderr="secret", job_id="job-1"))
    assert (ran.stdout, ran.stderr, ran.exit_code) == ("a ***", "***", 0)

    picture = Image(media_type="image/png", data="secret==")
    read = mask.hide(ReadResult(path="/secret", size=4, image=picture, notes=("a secret",)))
    assert (read.path, read.notes, read.image) == ("/***", ("a ***",), picture)


def test_an_error_keeps_its_kind() -> None:
    error = Mask(["secret"]).hide(PathNotFoundError("no /secret", "/secret"))
    assert type(error) is PathNotFoundError
    assert (str(error), error.path) == ("no /***", "/***")
    assert str(Mask([]).hide(NoMatchError("no"))) == "no"


def test_names_that_are_not_utf_8_are_made_fit_to_be_sent() -> None:
    shown = valid_unicode(Listing(path="/caf\udce9", entries=()))
    assert shown.path == "/caf\ufffd"

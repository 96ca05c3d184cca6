"""Secrets, whole and in pieces."""

import asyncio

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

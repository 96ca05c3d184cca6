"""One suite for every sandbox: a test here reads the same whatever runs it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from daytona_toolkit import CommandSandbox, DaytonaSandbox, LocalSandbox, Sandbox, SandboxSession
from daytona_toolkit.errors import IsolationError
from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.testing import DaytonaServer
from daytona_toolkit.testing._server.settings import first_shell
from tests.daytona.support import config_of, sandbox_on
from tests.support import MakeSession, lacks, needs

LOCAL = ["bubblewrap", "landlock", "none"]
SHELLS = dict.fromkeys([first_shell(), "zsh", "bash", "dash", "busybox"])


def local_sandbox(isolation: confinement.Isolation, folder: str | None = None) -> Sandbox:
    try:
        confinement.choose(isolation)
    except IsolationError as error:
        lacks(isolation, str(error))
    return LocalSandbox(folder, isolation=isolation)


def busybox_in(folder: Path) -> str:
    """A `PATH` of busybox, of flock, which Debian builds it without, and of Python."""
    folder.mkdir()
    busybox = needs("busybox")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    tools = dict.fromkeys(listed.stdout.split(), busybox)
    tools |= {tool: needs(tool) for tool in ("flock", "python3")}
    for tool, path in tools.items():
        (folder / tool).symlink_to(path)
    return str(folder)


@dataclass(frozen=True)
class Kind:
    """A kind of sandbox: how to make one, and how to reach one from another session."""

    make: Callable[[], Sandbox]
    reach: Callable[[SandboxSession], Sandbox]


@pytest.fixture(scope="session")
def daytona_server() -> Iterator[Callable[[str], DaytonaServer]]:
    """The test server with a shell, started when it is first wanted."""
    with ExitStack() as stack:
        yield cache(lambda shell: stack.enter_context(DaytonaServer(shell=shell)))


def best_level() -> str:
    """The level that `LocalSandbox()` takes here."""
    try:
        return confinement.choose("auto")
    except IsolationError:
        return "none"


# What the way to a sandbox can change, beside the tests of `testing/_conformance/transport.py`:
# CI tries it over Daytona's wire.
WIRE = {
    "test_a_background_job_is_started_polled_and_ended",
    "test_a_command_behaves_as_in_a_terminal",
    "test_a_folder_comes_back_as_it_went",
    "test_a_large_file_moves_in_parts_and_goes_on_where_it_stopped",
    "test_a_large_stdin_is_uploaded",
    "test_a_small_file_comes_whole",
    "test_a_timeout_returns_what_was_printed_so_far",
    "test_an_edit_changes_one_place_and_shows_it",
    "test_any_text_reaches_the_command_and_comes_back",
    "test_cancelling_ends_the_command",
    "test_large_content_is_uploaded_and_put_in_place",
    "test_ls_is_sorted_typed_and_sized",
    "test_many_commands_at_once",
    "test_mode_and_symlink_are_kept",
    "test_nothing_in_a_pattern_is_taken_for_a_command",
    "test_output_arrives_while_the_command_runs",
    "test_paths_that_are_found_can_be_used_as_they_are",
    "test_searches_take_one_request_each",
    "test_streams_and_exit_code_come_apart",
    "test_two_sessions_on_one_file_lose_nothing",
}

# What takes more than a second of a core, and is left to the slow run.
LONG = {
    "test_a_copy_of_a_command_does_not_run",
    "test_a_copy_of_a_command_leaves_its_shell_alone",
    "test_a_copy_of_a_removal_or_a_move_takes_nothing_away",
    "test_a_copy_of_an_upload_undoes_nothing",
    "test_a_copy_of_what_was_sent_is_not_read",
    "test_a_page_of_a_gigabyte_costs_a_page",
    "test_an_edit_does_the_same_to_a_file_that_was_not_seen",
    "test_an_interrupted_transfer_leaves_whole_files_only",
    "test_an_unchanged_tree_of_10_000_files_is_looked_at_quickly",
    "test_any_value_of_a_variable_carries_over",
    "test_many_small_files_take_few_requests",
    "test_memory_holds_a_part_and_not_the_whole",
    "test_random_trees_come_back",
    "test_the_oldest_of_many_checkpoints_are_removed",
    "test_two_sessions_make_checkpoints_at_once",
}

# By default a test runs in the kind of sandbox that most people have. Over Daytona's wire, where
# the programs are the same, only the transport is tried, and in CI what `WIRE` names. The slow run
# has every test on every kind.
DEFAULT = (f"local-{best_level()}", f"daytona-{first_shell()}")
KINDS = [
    pytest.param(kind, marks=[] if kind in DEFAULT else pytest.mark.slow)
    for kind in (
        *(f"local-{level}" for level in LOCAL),
        "command-sh",
        "command-busybox",
        *(f"daytona-{shell}" for shell in SHELLS),
    )
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to CI and to the slow run what takes long, and what the wire does not change."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            kind = str(item.callspec.params.get("kind"))
            name, module = item.originalname, item.function.__module__
            on_daytona = kind.startswith("daytona-") and "transport" not in module
            if on_daytona:
                item.add_marker(pytest.mark.ci)
            if name in LONG or (on_daytona and name not in WIRE):
                item.add_marker(pytest.mark.slow)


@pytest.fixture(params=KINDS)
def kind(
    request: pytest.FixtureRequest,
    daytona_server: Callable[[str], DaytonaServer],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    authority: str,
) -> Kind:
    """Each kind of sandbox in turn."""
    place, _, detail = request.param.partition("-")
    if place == "local":
        return Kind(
            make=lambda: local_sandbox(detail),
            reach=lambda session: local_sandbox(detail, session.root),
        )
    needs(detail)
    if place == "command":
        folder = tmp_path_factory.mktemp("machine")
        for part in ("work", "tmp"):
            (folder / part).mkdir()
        path = os.environ["PATH"] if detail == "sh" else busybox_in(folder / "bin")
        start = 'cd "$0/work" && exec env -i LANG=C.UTF-8 "PATH=$1" "HOME=$0" "TMPDIR=$0/tmp" sh'
        argv = ["sh", "-c", start, str(folder), path]
        return Kind(
            make=lambda: CommandSandbox(argv),
            reach=lambda session: CommandSandbox(argv),
        )
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    server = daytona_server(detail)
    return Kind(
        make=lambda: sandbox_on(server),
        reach=lambda session: DaytonaSandbox.attach(session.sandbox.id, config=config_of(server)),
    )


@pytest.fixture
def make_session(kind: Kind) -> Iterator[MakeSession]:
    """Make a session over each kind of sandbox; it is closed at the end."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(SandboxSession(kind.make(), **options))


@pytest.fixture
def session(make_session: MakeSession) -> SandboxSession:
    """An open session over each kind of sandbox."""
    return make_session()


@pytest.fixture
def twin(kind: Kind, session: SandboxSession) -> Iterator[SandboxSession]:
    """Another session over the sandbox of `session`."""
    with SandboxSession(kind.reach(session)) as twin:
        yield twin

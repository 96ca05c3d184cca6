"""checkpoint, restore, diff: the files under the root come back as they were."""

import random
import shlex
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from daytona_toolkit import Limits, SandboxSession
from daytona_toolkit.errors import CheckpointError, CheckpointNotFoundError
from daytona_toolkit.testing._conformance.support import (
    MakeSession,
    counting,
    replacing,
    skip_without,
)

needs_git = pytest.mark.usefixtures("git")

# Everything under the root, with modes, targets of symlinks and contents; without `.git`.
_LISTING = """\
find . -name .git -prune -o -type d -exec stat -c '%a %n/' {} + | sort
find . -name .git -prune -o -type l -exec sh -c 'for l; do echo "$l"; readlink "$l"; done' sh {} + |
    sort
find . -name .git -prune -o -type f -exec stat -c '%a %n/' {} + | sort
find . -name .git -prune -o -type f -exec sha256sum {} + | sort
"""

_TREE = r"""
printf 'one\n' >file; mkdir -p deep/er empty/er; echo x >deep/er/program; chmod +x deep/er/program
echo secret >secret; chmod 600 secret; mkdir private; chmod 700 private
ln -s nowhere dangling; ln -s deep to_folder; ln -s file to_file
printf x >"$(printf 'new\nline \377')"; printf x >':(top)*[a]?'; printf x >'-rf'
printf x >'back\slash'
printf 'a\r\nb\n' >crlf.txt
printf '%s\n' '*.txt text eol=lf' '*.bin filter=lfs' '* ident' >.gitattributes
printf '\0\1$Id$' >data.bin; : >nothing
"""

_NESTED = r"""
repository() {
    git init -q "$1" && (cd "$1" && echo "$1" >inside && git add inside &&
        git -c user.name=a -c user.email=a@b commit -qm "$1" && echo changed >>inside)
}
"""


def listing(session: SandboxSession) -> str:
    result = session.exec(_LISTING)
    assert not result.truncated
    return result.stdout


def do(session: SandboxSession, script: str) -> str:
    result = session.exec(script)
    assert result.exit_code == 0, result
    return result.stdout


@pytest.mark.parametrize(
    "change",
    [
        "rm -rf -- * .git*",
        "echo more >>file; printf two >file; rm to_file; echo x >to_file; touch new",
        "chmod 644 deep/er/program secret; chmod 755 private; chmod +x file; chmod 750 empty",
        "rm file; mkdir file; echo x >file/x; rm -rf deep empty; echo x >deep; ln -s . empty",
        "rm to_folder; mkdir to_folder; echo x >to_folder/x; rm dangling; ln -s else dangling",
        "rm -- *line* -rf; echo y >':(top)*[a]?'; echo x >\"$(printf '\\376')\"",
        "git init -q clone; echo x >clone/file; mkdir -p new/er; ln -s / new/root; rm -r empty/er",
        "mkdir locked; echo x >locked/file; chmod 000 locked; chmod 500 deep deep/er",
        "rm .gitattributes; printf 'a\\nb\\n' >crlf.txt; printf '* text\\n' >deep/.gitattributes",
        "echo '*.y' >.gitignore; mkdir more; echo '*.x' >more/.gitignore; echo x >more/a.x",
    ],
)
@needs_git
def test_restore_brings_back_what_was(session: SandboxSession, change: str) -> None:
    """Contents, modes, symlinks, names of any bytes, empty folders; and nothing else."""
    do(session, _TREE)
    before = listing(session)
    checkpoint = session.checkpoint("start")
    do(session, change)
    assert session.restore(checkpoint.id) == checkpoint
    assert listing(session) == before
    assert session.diff(since=checkpoint.id).patch == ""


@needs_git
def test_nested_repositories_are_content_and_keep_their_git(session: SandboxSession) -> None:
    """Their files come back; what they know of commits stays as it is, and so does ours."""
    do(
        session,
        _NESTED + "repository .; repository nested; repository nested/deeper; git init -q bare",
    )
    checkpoint = session.checkpoint()
    before = listing(session)
    heads = "git rev-parse HEAD; git -C nested rev-parse HEAD; git -C nested/deeper rev-parse HEAD"
    do(
        session,
        "cd nested; git -c user.name=a -c user.email=a@b commit -qam more; "
        "rm inside deeper/inside; echo new >new; echo x >../bare/x",
    )
    after = do(session, heads)
    assert set(session.diff(since=checkpoint.id).paths) == {
        "nested/inside",
        "nested/deeper/inside",
        "nested/new",
        "bare/x",
    }
    session.restore(checkpoint.id)
    assert listing(session) == before
    assert do(session, heads) == after
    assert do(session, "git -C nested status --short --untracked-files=no") == ""


@needs_git
def test_a_symlink_that_git_does_not_take_is_left_alone(session: SandboxSession) -> None:
    do(session, "mkdir sub; ln -s target .gitmodules; ln -s target sub/.GitModules")
    before = listing(session)
    checkpoint = session.checkpoint()
    assert checkpoint.files == 0
    session.restore(checkpoint.id)
    assert listing(session) == before


@pytest.mark.parametrize("name", [".gitignore", "deep/er/.gitattributes", ".git/info/exclude"])
@needs_git
def test_a_pipe_that_git_would_read_is_named(session: SandboxSession, name: str) -> None:
    """Git would wait for somebody who writes to it."""
    checkpoint = session.checkpoint()
    do(session, f"mkdir -p {name}; rmdir {name}; mkfifo {name} pipe")
    with pytest.raises(CheckpointError, match=f"'{name}' is a pipe"):
        session.checkpoint()
    with pytest.raises(CheckpointError, match=f"'{name}' is a pipe"):
        session.restore(checkpoint.id)
    do(session, f"rm {name}")
    assert session.diff(since=checkpoint.id).paths == ()


@needs_git
def test_ignored_files_are_left_out_and_left_alone(session: SandboxSession) -> None:
    do(
        session,
        "echo '*.log\nbuild/' >.gitignore; mkdir build; echo 1 >build/x; echo 1 >a.log; echo 1 >a",
    )
    do(session, "mkdir sub; echo '!kept.log' >sub/.gitignore; echo 1 >sub/kept.log")
    checkpoint = session.checkpoint()
    assert checkpoint.files == 4
    do(session, "for f in build/x a.log a sub/kept.log; do echo 2 >$f; done; rm .gitignore")
    session.restore(checkpoint.id)
    assert do(session, "cat build/x a.log a sub/kept.log").split() == ["2", "2", "1", "1"]


@needs_git
def test_ignored_files_are_recorded_on_demand(session: SandboxSession) -> None:
    do(session, "echo '*' >.gitignore; mkdir build; echo 1 >build/x")
    before = listing(session)
    checkpoint = session.checkpoint(include_ignored=True)
    do(session, "rm -r build; echo new >new")
    session.restore(checkpoint.id)
    assert listing(session) == before


@needs_git
def test_a_diff_applies_to_the_start_and_gives_the_end(session: SandboxSession) -> None:
    do(session, _TREE)
    checkpoint = session.checkpoint()
    do(
        session,
        "echo more >>file; rm nothing to_file; mkdir to_file; printf '\\0\\2' >to_file/data; "
        'chmod +x secret; rm -- -rf; for f in *line*; do printf y >"$f"; done; '
        "rm -r empty private",
    )
    end = do(session, "find . -type f -exec sha256sum {} + | sort")
    diff = session.diff(since=checkpoint.id)
    assert str(diff) == diff.patch
    session.restore(checkpoint.id)
    applied = session.exec("git apply -", stdin=diff.patch.encode("utf-8", "surrogateescape"))
    assert applied.exit_code == 0, applied.stderr
    assert do(session, "find . -type f -exec sha256sum {} + | sort") == end
    assert session.diff(since=checkpoint.id).patch == diff.patch


@needs_git
def test_a_diff_applies_in_a_clone_of_the_start(session: SandboxSession) -> None:
    """Of a repository with a submodule, whose files are content as well."""
    sums = "find . -name .git -prune -o -type f -exec sha256sum {} + | sort"
    clone = f"{session._workspace.facts.state}/clone"
    do(session, "mkdir sub; echo 'gitdir: ../.git/modules/sub' >sub/.git; echo 1 >sub/file")
    do(session, "seq 100 >numbers; printf '\\0\\1' >data; echo x >'a b'; printf y >old; mkdir d")
    start = session.checkpoint()
    do(session, f"cp -a . {clone} && rm {clone}/sub/.git && git init -q {clone}")
    do(
        session,
        "sed -i s/50/fifty/ numbers; printf '\\0\\2' >data; mv old new; rm 'a b'; echo 2 >d/e",
    )
    do(session, "echo 2 >sub/file; chmod +x numbers; ln -s numbers link")
    applied = session.exec(f"git -C {clone} apply -", stdin=session.diff(since=start.id).patch)
    assert applied.exit_code == 0, applied.stderr
    assert do(session, f"cd {clone} && {sums}") == do(session, sums)
    assert do(session, f"readlink {clone}/link; test -x {clone}/numbers") == "numbers\n"
    session.restore(start.id)
    assert do(session, "cat sub/file sub/.git") == "1\ngitdir: ../.git/modules/sub\n"


@needs_git
def test_checkpoints_are_listed_in_order_for_every_session_of_the_root(
    session: SandboxSession, twin: SandboxSession
) -> None:
    assert session.checkpoints() == []
    labels = ["first", "", "it's\nthe third $(id) é"]
    made = [session.checkpoint(label) for label in labels]
    assert [each.label for each in session.checkpoints()] == labels
    session.write("file", "x")
    assert session.restore(made[0].id) == made[0]
    assert not session.exists("file")
    ours, theirs = session._workspace.facts, twin._workspace.facts
    if ours.state != theirs.state or not twin.exists(ours.session):
        return  # temporary folders of its own, and no checkpoints of others
    assert twin.checkpoints() == made
    session.write("file", "x")
    twin.restore(made[0].id)
    assert not twin.exists("file")


@needs_git
def test_each_costs_one_request(session: SandboxSession) -> None:
    session.write("file", "x")
    with counting(session) as traffic:
        checkpoint = session.checkpoint()
        session.diff(since=checkpoint.id)
        session.restore(checkpoint.id)
        session.checkpoints()
    assert traffic.requests == 4


@needs_git
async def test_the_twins_do_the_same(session: SandboxSession) -> None:
    checkpoint = await session.acheckpoint("a")
    await session.awrite("file", "x")
    assert (await session.adiff(since=checkpoint.id)).paths == ("file",)
    assert await session.arestore(checkpoint.id) == checkpoint
    assert await session.acheckpoints() == [checkpoint]


@pytest.mark.parametrize("id", ["", "0123456789ab", "../../x", "$(id)"])
@needs_git
def test_an_unknown_checkpoint_is_refused(session: SandboxSession, id: str) -> None:
    session.write("file", "x")
    with pytest.raises(CheckpointNotFoundError):
        session.restore(id)
    with pytest.raises(CheckpointNotFoundError):
        session.diff(since=id)
    assert session.read("file").content == "x"


@needs_git
def test_settings_and_variables_of_the_users_git_have_no_part(session: SandboxSession) -> None:
    """Not in a store of ours, and theirs does not notice."""
    do(session, "git init -q; printf '[core]\nautocrlf = true\nhooksPath = hooks\n' >>.git/config")
    do(
        session,
        "mkdir hooks; printf '#!/bin/sh\nexit 1\n' >hooks/reference-transaction; chmod +x hooks/*",
    )
    status = do(session, "git status --short; sha256sum .git/config")
    checkpoint = session.checkpoint()
    session.write("a.txt", b"a\r\nb\n")
    assert b"+a\r\n+b\n" in session.diff(since=checkpoint.id).patch.encode()
    session.restore(checkpoint.id)
    assert do(session, "git status --short; sha256sum .git/config") == status


@needs_git
def test_a_restore_that_was_interrupted_can_be_repeated(session: SandboxSession) -> None:
    """Also when git left its locks behind."""
    do(session, _TREE)
    before = listing(session)
    checkpoint = session.checkpoint()
    store = session._workspace.facts.state + "/checkpoints-*"
    do(session, f"rm -r deep file; for s in {store}; do : >$s/index.lock; rm $s/index; done")
    session.restore(checkpoint.id)
    assert listing(session) == before


def test_the_oldest_of_many_checkpoints_are_removed(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(kept_checkpoints=3))
    skip_without(session, "git", "which checkpoints need")
    store = session._workspace.facts.state + "/checkpoints-*"
    do(session, "head -c 3000000 /dev/urandom >large")
    made = [session.checkpoint("0")]
    do(session, "rm large")
    for number in range(1, 6):
        do(session, f"echo {number} >file")
        made.append(session.checkpoint(str(number)))
    assert session.checkpoints() == made[3:]
    for forgotten in made[:3]:
        with pytest.raises(CheckpointNotFoundError, match="the oldest are removed when"):
            session.restore(forgotten.id)
    session.restore(made[3].id)
    assert do(session, "cat *") == "3\n"
    small = f"[ $(du -sk {store} | cut -f 1) -lt 1000 ]"
    do(session, f"for try in $(seq 50); do ! {small} || exit 0; sleep 0.1; done; exit 1")


@pytest.mark.slow
@needs_git
def test_a_file_of_100_mb_comes_back(session: SandboxSession) -> None:
    do(session, "head -c 100000000 /dev/urandom >large")
    before = do(session, "sha256sum large")
    checkpoint = session.checkpoint()
    do(session, "head -c 1000 /dev/zero | dd of=large bs=1 seek=50000000 conv=notrunc 2>/dev/null")
    assert do(session, "sha256sum large") != before
    session.restore(checkpoint.id)
    assert do(session, "sha256sum large") == before


@needs_git
def test_two_sessions_make_checkpoints_at_once(
    session: SandboxSession, twin: SandboxSession
) -> None:
    do(session, "for i in $(seq 200); do echo $i >$i; done")
    before = listing(session)
    with ThreadPoolExecutor(8) as threads:
        tasks = [threads.submit(each.checkpoint) for each in (session, twin) * 4]
        made = [task.result() for task in tasks]
    assert [each.files for each in made] == [200] * 8
    assert len({each.id for each in made}) == 8
    for each, checkpoint in ((session, made[-2]), (twin, made[-1])):
        do(session, "rm 1*; echo x >2; echo new >new")
        each.restore(checkpoint.id)
        assert listing(session) == before


@needs_git
def test_a_file_that_cannot_be_read_is_named(session: SandboxSession) -> None:
    """Nothing is recorded then, rather than a part."""
    do(session, "mkdir locked; echo x >locked/file; chmod 000 locked")
    if session.exec("ls locked").exit_code == 0:
        pytest.skip("this user may read everything")
    with pytest.raises(CheckpointError, match="locked"):
        session.checkpoint()
    do(session, "chmod 700 locked")
    assert session.checkpoint().files == 1


def test_a_sandbox_without_git_says_so(make_session: MakeSession) -> None:
    session = make_session()
    run = session.sandbox.run

    async def without_git(program: str, *, timeout: float) -> bytes:
        return await run(program.replace("command -v git", "false"), timeout=timeout)

    with replacing(session, without_git), pytest.raises(CheckpointError, match="has no git"):
        session.checkpoint()


@needs_git
def test_an_unchanged_tree_of_10_000_files_is_looked_at_quickly(session: SandboxSession) -> None:
    """Only what has changed is read again."""
    do(
        session,
        "for d in $(seq 100); do mkdir $d; for f in $(seq 100); do echo $d $f >$d/$f; done; done",
    )
    first = session.checkpoint()
    started = time.monotonic()
    assert session.checkpoint().files == first.files == 10_000
    assert time.monotonic() - started < 20


_NAMES = ["a", "b", "a b", "$'x\\ny'", "$'\\xff'", "c/a", "c/b", "c/d/a", "-x", ".gitignored"]


def _random_change(pick: random.Random) -> str:
    """A command that changes something, or fails."""
    name, other = (f"./{pick.choice(_NAMES)}" for _ in range(2))
    if pick.random() < 0.3:
        name = f"{name}/{pick.choice('ab')}"
    folder = f'"$(dirname {shlex.quote(name) if "$" not in name else name})"'
    name = name if "$" in name else shlex.quote(name)
    other = other if "$" in other else shlex.quote(other)
    return pick.choice(
        [
            f"mkdir -p {folder}; echo {pick.randrange(99)} >{name}",
            f"mkdir -p {folder}; head -c {pick.randrange(3000)} /dev/urandom >>{name}",
            f"rm -rf {name}",
            f"rm -rf {name}; mkdir -p {name}",
            f"rm -rf {name}; mkdir -p {folder}; ln -s {other} {name}",
            # A folder that may not be entered is no checkpoint, but for root.
            f"chmod {pick.choice(['600', '644', '755', '700', '751'])} {name}; chmod u+X {name}",
            f"mv {name} {other}",
            f"cp -a {name} {other}",
        ]
    )


def _changes(pick: random.Random, count: int) -> str:
    return "\n".join(f"{{ {_random_change(pick)}; }} 2>/dev/null" for _ in range(count)) + "\ntrue"


def _random_trees(session: SandboxSession, seeds: range) -> None:
    for seed in seeds:
        pick = random.Random(seed)
        known: list[tuple[str, str]] = []
        for _ in range(2):
            do(session, _changes(pick, 12))
            known.append((session.checkpoint().id, listing(session)))
        do(session, _changes(pick, 12))
        for id, before in (known[0], known[1]):
            session.restore(id)
            assert listing(session) == before, f"seed {seed}"


@needs_git
def test_random_trees_come_back(session: SandboxSession) -> None:
    _random_trees(session, range(4))


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_git
def test_many_random_trees_come_back(session: SandboxSession) -> None:
    _random_trees(session, range(4, 104))

"""Checkpoints with tools of the sandbox that are cut off, or are others than GNU's."""

import os
import shutil
from pathlib import Path

import pytest

from daytona_toolkit import CommandSandbox, SandboxSession
from tests.support import needs

# Takes the place of git. Which call is the last is counted down in a file: it ends all that
# the request has started.
_GIT = """\
#!/bin/sh
left=$(cat '{left}')
echo $((left - 1)) >'{left}'
[ "$left" != 1 ] || kill -9 0
exec '{git}' "$@"
"""


# git before 2.26 names what a pattern with `!` takes back among what is ignored.
_OLD_GIT = """\
#!/bin/sh
case "$*" in *' -v '*) ;; *' check-ignore '*) old=yes ;; esac
[ "$old" ] || exec '{git}' "$@"
shift 3
'{git}' check-ignore -v "$@" | sed -zn 'n; n; n; p'
"""

# `sort -o` of uutils, which Ubuntu has, leaves the file as it was where there is nothing to write.
_SORT = """\
#!/bin/sh
case $1 in -*o) ;; *) exec '{sort}' "$@" ;; esac
options=$(echo "$1" | tr -d o) into=$2
shift 2
'{sort}' "$options" "$@" >"$into.new" || exit
[ -s "$into.new" ] || [ ! -e "$into" ] || exec rm "$into.new"
mv "$into.new" "$into"
"""


@pytest.mark.slow
def test_a_checkpoint_or_restore_that_is_cut_off_is_done_when_it_is_asked_again(
    tmp_path: Path,
) -> None:
    left, tools, root = (tmp_path / name for name in ("left", "tools", "root"))
    tools.mkdir()
    git = tools / "git"
    git.write_text(_GIT.format(left=left, git=needs("git")))
    git.chmod(0o755)
    root.mkdir()
    command = ["env", f"PATH={tools}:/usr/bin:/bin", f"TMPDIR={tmp_path}", "sh"]
    with SandboxSession(CommandSandbox(command), root=root) as session:
        for step in range(1, 100):
            (root / "folder").mkdir()
            (root / "folder/program").write_text(f"{step}")
            (root / "folder/program").chmod(0o755)
            left.write_text(f"{step}\n")
            checkpoint = session.checkpoint(f"{step}")
            cut_off = int(left.read_text()) < 0
            assert checkpoint.label == f"{step}"
            assert len(session.checkpoints()) == step

            (root / "folder/program").write_text("else")
            (root / "folder/program").chmod(0o644)
            (root / "new").write_text("new")
            left.write_text(f"{step}\n")
            session.restore(checkpoint.id)
            cut_off |= int(left.read_text()) < 0
            assert [path.name for path in root.iterdir()] == ["folder"]
            assert (root / "folder/program").read_text() == f"{step}"
            assert (root / "folder/program").stat().st_mode & 0o777 == 0o755
            if not cut_off:
                break
            shutil.rmtree(root / "folder")
        assert step > 10


def with_tool(name: str, script: str, folder: Path) -> SandboxSession:
    """A session whose sandbox has a script in place of a tool."""
    tools = folder / "tools"
    tools.mkdir()
    tool = tools / name
    tool.write_text(script.format_map({name: needs(name), "git": needs("git")}))
    tool.chmod(0o755)
    command = ["env", f"PATH={tools}:{os.environ['PATH']}", f"TMPDIR={folder}", "sh"]
    return SandboxSession(CommandSandbox(command), root=folder / "root")


def test_an_old_git_records_what_a_pattern_takes_back(tmp_path: Path) -> None:
    with with_tool("git", _OLD_GIT, tmp_path) as session:
        session.write(".gitignore", "*.log\n!kept.log\n")
        session.write("left.log", "old")
        session.write("kept.log", "old")
        checkpoint = session.checkpoint()
        for name in ("left.log", "kept.log"):
            session.write(name, "new")
        session.restore(checkpoint.id)
        assert session.read("kept.log").content == "old"
        assert session.read("left.log").content == "new"


def test_a_restore_is_right_where_sort_writes_no_empty_files(tmp_path: Path) -> None:
    with with_tool("sort", _SORT, tmp_path) as session:
        empty = session.checkpoint()
        session.write("file", "text")
        one_file = session.checkpoint()
        session.write("new", "")
        session.restore(one_file.id)
        assert session.read("file").content == "text"
        assert [entry.path for entry in session.ls().entries] == ["file"]
        session.mkdir("folder")
        session.restore(empty.id)
        assert not session.ls().entries

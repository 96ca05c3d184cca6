"""A checkpoint that is cut off, at each of its steps."""

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

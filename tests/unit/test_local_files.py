"""Where what comes from a sandbox may go on this machine."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit._transfer.local_files import places_for

parts = st.sampled_from(["..", ".", "", "a", "b c", "~", "...", "a\\b", "C:", "-x"])


@given(st.lists(parts, min_size=1, max_size=5))
def test_no_name_leads_out_of_the_folder(names: list[str]) -> None:
    target, name = Path("/target/folder"), "/".join(names)
    folders = ["/".join(names[:count]) for count in range(1, len(names))]
    place = places_for(target, folders, [name])[1][name]
    if place is None:
        assert {"..", ".", ""} & set(names)
    else:
        assert Path(os.path.normpath(place)) == place
        assert target in [place, *place.parents]


def test_nothing_goes_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    folders, files = places_for(tmp_path, ["link", "link/x", "y"], ["link/x/z", "y/z", "link"])
    assert folders == {"": tmp_path, "link": None, "link/x": None, "y": tmp_path / "y"}
    assert files == {"link/x/z": None, "y/z": tmp_path / "y/z", "link": tmp_path / "link"}

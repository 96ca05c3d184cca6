"""Where what comes from a sandbox may go on this machine."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit._operations.transfer.local_files import place_for

parts = st.sampled_from(["..", ".", "", "a", "b c", "~", "...", "a\\b", "C:", "-x"])


@given(st.lists(parts, min_size=1, max_size=5))
def test_no_name_leads_out_of_the_folder(names: list[str]) -> None:
    target = Path("/target/folder")
    place = place_for(target, "/".join(names))
    if place is None:
        assert {"..", ".", ""} & set(names)
    else:
        assert Path(os.path.normpath(place)) == place
        assert target in [place, *place.parents]

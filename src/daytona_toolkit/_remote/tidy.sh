# shellcheck shell=sh
# How a session's leftovers go, beside another operation and without delaying it.
# In: _STATE, _ID, _FORGET (names under _STATE).

tidy() {
    [ -n "$_FORGET" ] || return 0
    (
        exec >/dev/null 8>&-
        # Out of the way in one step each: half removed, a job would look like a lost one.
        # shellcheck disable=SC2086 # a word a name
        cd "$_STATE" && mkdir "gone-$_ID" && mv $_FORGET "gone-$_ID/"
        rm -rf "gone-$_ID"
    ) &
}

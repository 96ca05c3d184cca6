# shellcheck shell=sh
# What a session needs no longer.
# In: _STATE, _FORGET (names of jobs to remove, or of uploads).

# discard FILE...: these, and what is to be forgotten.
discard() {
    # A job without `start` is in no list: half removed, it would look like a lost one.
    for _name in $_FORGET; do
        set -- "$@" "$_STATE/$_name.start" "$_STATE/$_name".* "$_STATE/$_name"
    done
    [ $# = 0 ] || rm -rf -- "$@"
}

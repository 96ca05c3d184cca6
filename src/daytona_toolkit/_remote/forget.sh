# shellcheck shell=sh
# What a session needs no longer.
# In: _STATE, _FORGET (names of jobs to remove, or of uploads).

# remove FILE...: these, and what is to be forgotten.
remove() {
    # A job without `start` is in no list: half removed, it would look like a lost one.
    for _name in $_FORGET; do
        set -- "$@" "$_STATE/$_name.start" "$_STATE/$_name".* "$_STATE/$_name"
    done
    [ $# = 0 ] || rm -rf -- "$@"
}

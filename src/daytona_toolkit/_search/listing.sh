# shellcheck shell=sh
# What is at the paths that were found, in order: at most one more than is wanted.
# In: those of found.sh and entries.sh; _ENTRIES (most that are wanted).

. ../_remote/entries.sh
. ./found.sh

# The records of entries.sh from GNU's find and stat. They are sorted as they are, and the
# separator of these sorts before whatever is in a name.
_record='%p\001%y %T@ %s-%i-%TY-%Tm-%Td %TT\0'
_record_of_target='%n\001~%f %Y %s-%i-%y\0'

# list TEST...: those that pass.
list() {
    echo 'entries<'
    if [ "$_find" = gnu ] && [ -z "$_CONFINE" ]; then
        [ -z "$_FILTER" ] || set -- "$@" -regextype posix-extended -regex "$_FILTER"
        walk "$@" -printf "$_record" -type l -exec stat -L --printf "$_record_of_target" -- {} + |
            sort -z | head -zn "$((_ENTRIES + 1))" | base64
    else
        found "$@" | sort -z | first "$((_ENTRIES + 1))" | xargs -0 sh -c "$_describe" sh | base64
    fi
    echo .
}

# first COUNT: the first of the paths. head counts lines, so newlines and NULs change places.
first() { tr '\n\000' '\000\n' | head -n "$1" | tr '\n\000' '\000\n'; }

# shellcheck shell=sh
# Which paths a pattern selects.
# In: those of walk.sh and abilities.sh; _FILTER (a regular expression for paths, or empty);
#     _COMPLAINTS (bytes of them at most).

. ../_remote/inline.sh
. ./abilities.sh

# found TEST...: those paths that pass, and that _FILTER matches if it is given.
found() {
    if [ -z "$_FILTER" ] || [ "$_start" != . ]; then
        walk "$@" -print0
    elif [ "$_find" = gnu ]; then
        walk "$@" -regextype posix-extended -regex "$_FILTER" -print0
    elif can_grep z; then
        # shellcheck disable=SC2086 # an option or nothing
        walk "$@" -print0 | grep -zE $_grep_text -e "$_FILTER" -e '^/$'
    else
        # A line for each path; \001 stands for newlines in it.
        walk "$@" -print0 | tr '\n\000' '\001\n' | grep -E -e "$_FILTER" -e '^/$' |
            tr '\001\n' '\n\000'
    fi
}

# with_complaints COMMAND...: run it, and report what its tools complain about. What it
# prints goes into the reply. They rarely complain, so nothing is started to carry it.
with_complaints() {
    know_find
    [ "$_find" = gnu ] || know_grep
    { _said=$("$@" 2>&1 >&4); } 4>&1
    if [ ${#_said} -le "$_COMPLAINTS" ]; then
        put_string complaints "$_said"
    else
        printf %s "$_said" | tail -c "$_COMPLAINTS" | put_bytes complaints
    fi
}

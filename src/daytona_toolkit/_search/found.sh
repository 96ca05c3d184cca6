# shellcheck shell=sh
# Which paths a pattern selects.
# In: those of walk.sh; _FILTER (a regular expression for paths, or empty); _FIND_GNU and
#     _GREP_Z (yes or empty); _GREP_TEXT (what grep takes so as to read any bytes);
#     _COMPLAINTS (bytes of them at most).

. ../_remote/inline.sh

# found TEST...: those paths that pass, and that _FILTER matches if it is given.
found() {
    if [ -z "$_FILTER" ] || [ "$_start" != . ]; then
        walk "$@" -print0
    elif [ -n "$_FIND_GNU" ]; then
        walk "$@" -regextype posix-extended -regex "$_FILTER" -print0
    elif [ -n "$_GREP_Z" ]; then
        # shellcheck disable=SC2086 # an option or nothing
        walk "$@" -print0 | grep -zE $_GREP_TEXT -e "$_FILTER" -e '^/$'
    else
        # A line for each path; \001 stands for newlines in it.
        walk "$@" -print0 | tr '\n\000' '\001\n' | grep -E -e "$_FILTER" -e '^/$' |
            tr '\001\n' '\n\000'
    fi
}

# with_complaints COMMAND...: run it, and report what its tools complain about. What it
# prints goes into the reply. They rarely complain, so nothing is started to carry it.
with_complaints() {
    { _said=$("$@" 2>&1 >&4); } 4>&1
    if [ ${#_said} -le "$_COMPLAINTS" ]; then
        put_string complaints "$_said"
    else
        printf %s "$_said" | tail -c "$_COMPLAINTS" | put_bytes complaints
    fi
}

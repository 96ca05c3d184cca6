# shellcheck shell=sh
# What the tools that search can do. A session learns it with its first search.
#
# In: _FIND and _GREP (as know_find and know_grep have found out; empty as long as it is not known).

# know_find: sets $_find: `gnu` if find, head and stat have GNU's options. They do in one process for
# all files what takes others several for each.
know_find() {
    _find=$_FIND
    [ -z "$_find" ] || return 0
    _find=other
    if [ "$(find / -maxdepth 0 -regextype posix-extended -regex '^/$' -printf '%y')" = d ] &&
        head -zn 1 </dev/null && stat -L --printf '\0' / >/dev/null; then
        _find=gnu
    fi
    put find "$_find"
}

# know_grep: sets $_grep, words for what grep can do: `text`, take any bytes for text; `z`, lines that
# end with a NUL; `gnu`, all that GNU's can. Sets $_grep_text, the option for the first.
know_grep() {
    _grep=${_grep-$_GREP}
    [ -n "$_grep" ] || {
        try_grep
        put grep "$_grep"
    }
    _grep_text=
    ! can_grep text || _grep_text=-a
}

# can_grep WORD
can_grep() { case " $_grep " in *" $1 "*) ;; *) return 1 ;; esac; }

# try_grep: sets $_grep. Some of GNU's take what is not ASCII for binary data unless they are told not
# to; then they cannot tell what is. busybox does not know the option, nor need it.
try_grep() {
    # The shell drops the NUL behind the name of the file.
    case $(printf 'x\377\n' | grep -nHZE --no-group-separator x) in
    '(standard input)1:x'*) _grep='text z gnu' ;;
    *)
        _grep=other
        if echo x | grep -aq x; then _grep="$_grep text"; fi
        if [ "$(printf 'x\000y\000' | grep -zcE y)" = 1 ]; then _grep="$_grep z"; fi
        ;;
    esac
}
